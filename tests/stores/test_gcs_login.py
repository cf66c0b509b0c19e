from __future__ import annotations

import datetime
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.errors import (
    NotFound,
    PermissionDenied,
    StoreUnavailable,
    Throttled,
    VerificationFailed,
    WrongUse,
)
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.gcs import GcsStore
from airflow_datamove.stores.gcs_client import BucketClient
from airflow_datamove.stores.google_login import google_login
from tests.stores.function_server import Answered, Asked, function_server


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_UNIVERSE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)


class _Credentials:
    """As google.auth's, with tokens that last as long as a test says."""

    def __init__(self, *lasts: float | Exception) -> None:
        self.lasts, self.refreshed = list(lasts), 0
        self.token: str | None = None
        self.expiry: datetime.datetime | None = None
        self.project_id = "of-the-key"

    @property
    def valid(self) -> bool:
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return self.token is not None and (self.expiry is None or self.expiry > now)

    def refresh(self, request: object) -> None:
        time.sleep(0.05)
        last = self.lasts.pop(0)
        if isinstance(last, Exception):
            raise last
        self.refreshed += 1
        self.token = f"token-{self.refreshed}"
        self.expiry = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=last)

    def apply(self, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {self.token}"
        headers["x-goog-user-project"] = "payer"


def _connection(native: Any = None, **extra: Any) -> Connection:
    return Connection("c", "google_cloud_platform", extra=extra, native=native)


def test_one_thread_renews_and_all_have_the_token() -> None:
    credentials = _Credentials(3600)
    bearer = google_login(_connection(lambda: credentials)).bearer
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(bearer.headers())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"authorization": "Bearer token-1", "x-goog-user-project": "payer"}] * 8
    assert credentials.refreshed == 1
    assert "token-1" not in repr(google_login(_connection(lambda: credentials)))


def test_a_token_is_renewed_before_it_expires() -> None:
    credentials = _Credentials(200, 3600)
    bearer = google_login(_connection(lambda: credentials)).bearer
    assert bearer.headers()["authorization"] == "Bearer token-1"
    assert bearer.headers()["authorization"] == "Bearer token-2"
    assert bearer.headers()["authorization"] == "Bearer token-2"


def test_a_token_that_is_still_good_is_used_while_nobody_renews_it() -> None:
    from google.auth.exceptions import TransportError

    credentials = _Credentials(200, TransportError("http://secret"), 10, TransportError("http://secret"))
    bearer = google_login(_connection(lambda: credentials)).bearer
    bearer.headers()
    assert bearer.headers()["authorization"] == "Bearer token-1"
    assert bearer.headers()["authorization"] == "Bearer token-2"
    with pytest.raises(StoreUnavailable) as caught:
        bearer.headers()
    assert "secret" not in str(caught.value)


def test_a_credential_that_google_refuses_is_told_without_its_text() -> None:
    from google.auth.exceptions import RefreshError

    bearer = google_login(_connection(lambda: _Credentials(RefreshError("c2VjcmV0")))).bearer
    with pytest.raises(PermissionDenied, match="does not accept") as caught:
        bearer.headers()
    assert "c2VjcmV0" not in str(caught.value)


def test_a_token_that_is_refused_is_renewed_once() -> None:
    credentials = _Credentials(3600, 3600, 3600)

    def answer(asked: Asked) -> Answered:
        if asked.headers.get("authorization") != "Bearer token-2":
            return Answered(401, b"{}")
        return Answered(200, b'{"name":"f","size":"3","generation":"1"}' if "alt=media" not in asked.target else b"abc")

    with (
        function_server(answer) as server,
        GcsStore(BucketClient(google_login(_connection(lambda: credentials, endpoint=server.url)), "b")) as store,
    ):
        assert store.stat("/f").size == 3
        with store.open("/f") as reader:
            assert reader.read() == b"abc"
        assert server.asked[-1].headers["x-goog-user-project"] == "payer"
        credentials.token = None
        server.answer = lambda asked: Answered(401, b"{}")
        with pytest.raises(PermissionDenied):
            store.stat("/f")
    assert credentials.refreshed == 3


_REASON = '{{"error":{{"code":{0},"message":"{1}","errors":[{{"reason":"{2}"}}]}}}}'


@pytest.mark.parametrize(
    ("status", "message", "reason", "expected"),
    [
        (400, 'Provided CRC32C \\"x\\" does not match calculated CRC32C', "invalid", VerificationFailed),
        (403, "does not have storage.objects.create access", "forbidden", PermissionDenied),
        (403, "slow down", "userRateLimitExceeded", Throttled),
        (404, "The specified bucket does not exist.", "notFound", NotFound),
        (429, "slow down", "rateLimitExceeded", Throttled),
        (500, "oops", "backendError", StoreUnavailable),
    ],
)
def test_a_refusal_is_told_in_our_words(status: int, message: str, reason: str, expected: type[Exception]) -> None:
    """As "HTTP status and error codes for JSON" of the vendor has them; the emulator gives none of these."""
    body = _REASON.format(status, message, reason).encode()
    with function_server(lambda asked: Answered(status, body, {"Retry-After": "0"})) as server:
        store = GcsStore(BucketClient(google_login(_connection(is_anonymous=True, endpoint=server.url)), "b"))
        with store, pytest.raises(expected) as caught:
            store.put("/f", memoryview(b"content"))
        assert type(caught.value) is expected
        sent = server.asked[-1].body
    assert b'"crc32c": "' in sent
    assert b"content" in sent


@pytest.mark.parametrize("keyfile", ['{"private_key": "c2VjcmV0"}', "c2VjcmV0", {"private_key": "c2VjcmV0"}])
def test_a_key_that_is_none_is_wrong_use_and_not_shown(keyfile: object) -> None:
    with pytest.raises(WrongUse, match="cannot be used") as caught:
        google_login(_connection(keyfile_dict=keyfile))
    assert "c2VjcmV0" not in str(caught.value)


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "acme",
        "client_email": "a@acme.iam.gserviceaccount.com",
        "private_key": pem.decode().replace("\n", "\\n"),
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_the_ways_to_give_a_key(key: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key))
    for extra in (
        {"keyfile_dict": key},
        {"keyfile_dict": json.dumps(key)},
        {"extra__google_cloud_platform__key_path": str(file)},
        {"credential_config_file": str(file)},
    ):
        login = google_login(_connection(**extra))
        assert login.project == "acme"
        assert login.endpoint == "https://storage.googleapis.com"
        assert login.bearer._credentials.service_account_email == key["client_email"]


def test_impersonation_quota_and_scope(key: dict[str, str]) -> None:
    extra = {"impersonation_chain": "one@x, two@x", "quota_project_id": "payer", "scope": "s1, s2", "project": "mine"}
    login = google_login(_connection(keyfile_dict=key, **extra))
    found = login.bearer._credentials
    assert (found._target_principal, found._delegates, found._target_scopes) == ("two@x", ["one@x"], ["s1", "s2"])
    assert found.quota_project_id == "payer"
    assert login.project == "mine"


def test_what_only_airflow_can_use_is_told() -> None:
    with pytest.raises(WrongUse, match="only Airflow"):
        google_login(_connection(key_secret_name="x"))
    assert google_login(_connection(lambda: _Credentials(), key_secret_name="x")).project == "of-the-key"


def test_an_emulator_is_asked_by_nobody_in_particular(monkeypatch: pytest.MonkeyPatch, key: dict[str, str]) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:4443")
    login = google_login(_connection())
    assert login.endpoint == "http://localhost:4443"
    assert login.bearer.headers() == {}
    assert google_login(_connection(keyfile_dict=key)).bearer._credentials is not None


def test_a_token_is_not_sent_in_the_clear(key: dict[str, str]) -> None:
    with pytest.raises(WrongUse, match="without TLS"):
        google_login(_connection(keyfile_dict=key, endpoint="http://storage.example"))


def test_public_data_needs_no_sdk() -> None:
    code = (
        "import sys; from airflow_datamove.stores.connection import Connection;"
        "from airflow_datamove.stores.gcs import GcsStore; from airflow_datamove.stores.google_login import *;"
        "google_login(Connection('c', extra={'is_anonymous': True})).bearer.headers();"
        "sys.exit(bool({'google.auth', 'requests', 'airflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
