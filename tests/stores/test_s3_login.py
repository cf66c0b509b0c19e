"""Who asks S3: keys of one's own, a role, what Airflow's hook gives, nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_datamove.errors import ConnectionNotFound, PermissionDenied, WrongUse
from airflow_datamove.stores.aws_login import aws_login
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.sigv4 import Credentials

OWN = {"login": "id", "password": "s3cret"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """An environment in which no chain finds anything."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def connection(**fields: Any) -> Connection:
    return Connection("x", "aws", **fields)


def credentials(given: Connection) -> Credentials:
    found = aws_login(given).credentials
    assert found is not None
    return found()


def test_keys_of_ones_own() -> None:
    extra = {"aws_session_token": "t0ken", "region_name": "eu-west-1", "endpoint_url": "http://h:1"}
    login = aws_login(connection(**OWN, extra=extra))
    assert (login.region, login.endpoint) == ("eu-west-1", "http://h:1")
    assert login.credentials is not None
    assert login.credentials() == Credentials("id", "s3cret", "t0ken")
    assert "s3cret" not in repr(login)
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "s3cret"}
    assert credentials(connection(extra=keys)) == Credentials("id", "s3cret")


def test_keys_of_ones_own_need_no_sdk() -> None:
    code = (
        "import sys\n"
        "from airflow_datamove.stores.aws_login import aws_login\n"
        "from airflow_datamove.stores.connection import Connection\n"
        "aws_login(Connection('x', 'aws', login='a', password='b')).credentials()\n"
        "assert 'botocore' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "extra",
    [
        {"anonymous": True},
        {"anonymous": "true"},
        {"signature_version": "unsigned"},
        {"config_kwargs": {"signature_version": "unsigned"}},
        {"config_kwargs": '{"signature_version": "unsigned"}'},
    ],
)
def test_nobody_in_particular(extra: dict[str, Any]) -> None:
    assert aws_login(connection(extra=extra)).credentials is None


def test_what_airflows_hook_gives() -> None:
    frozen = SimpleNamespace(access_key="hook", secret_key="s", token=None)
    given = SimpleNamespace(get_frozen_credentials=lambda: frozen)
    session = SimpleNamespace(get_credentials=lambda: given, region_name="eu-north-1")
    for fields in ({}, {**OWN, "extra": {"role_arn": "arn:aws:iam::1:role/mover"}}):
        login = aws_login(connection(**fields, native=lambda: session))
        assert login.region == "eu-north-1"
        assert login.credentials is not None
        assert login.credentials() == Credentials("hook", "s")
    assert credentials(connection(**OWN, native=lambda: session)) == Credentials("id", "s3cret")


def test_without_airflows_hook_the_chain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConnectionNotFound("no provider")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "env")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert credentials(connection(native=missing)) == Credentials("env", "s")


def test_a_profile(tmp_path: Any) -> None:
    (tmp_path / "credentials").write_text("[acme]\naws_access_key_id = p\naws_secret_access_key = q\n")
    (tmp_path / "config").write_text("[profile acme]\nregion = ap-south-1\n")
    login = aws_login(connection(extra={"profile_name": "acme"}))
    assert login.region == "ap-south-1"
    assert login.credentials is not None
    assert login.credentials() == Credentials("p", "q")


def test_no_credential_at_all_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="neither does the environment"):
        aws_login(connection())


@pytest.mark.parametrize("extra", [{"profile_name": "n0-such"}, {"role_arn": "r", "assume_role_method": "saml"}])
def test_what_cannot_be_used_is_wrong_use_and_not_shown(extra: dict[str, str]) -> None:
    fields = OWN if "role_arn" in extra else {}
    with pytest.raises(WrongUse) as caught:
        aws_login(connection(**fields, extra=extra))
    assert "s3cret" not in str(caught.value)


class _Tokens(BaseHTTPRequestHandler):
    """As much of the Security Token Service as assuming a role takes."""

    asked: list[bytes] = []

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["content-length"])))
        body = (
            b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            b"<AccessKeyId>role</AccessKeyId><SecretAccessKey>rs</SecretAccessKey><SessionToken>rt</SessionToken>"
            b"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
        self.send_response(403 if b"refused" in self.asked[-1] else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def tokens() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Tokens) as server:
        _Tokens.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_role_is_assumed_once_and_kept(tokens: str) -> None:
    extra = {
        "role_arn": "arn:aws:iam::1:role/mover",
        "external_id": "ext",
        "service_config": {"sts": {"endpoint_url": tokens}},
    }
    found = aws_login(connection(**OWN, extra=extra)).credentials
    assert found is not None
    assert _Tokens.asked == []
    assert found() == found() == Credentials("role", "rs", "rt")
    (asked,) = _Tokens.asked
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fmover" in asked
    assert b"ExternalId=ext" in asked


def test_a_role_that_is_refused_is_permission_denied(tokens: str) -> None:
    extra = {"role_arn": "arn:aws:iam::1:role/refused", "service_config": {"sts": {"endpoint_url": tokens}}}
    found = aws_login(connection(**OWN, extra=extra)).credentials
    assert found is not None
    with pytest.raises(PermissionDenied, match="gets no credentials") as caught:
        found()
    assert "s3cret" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_wrong_use() -> None:
    with pytest.raises(WrongUse, match="certificates"):
        aws_login(connection(**OWN, extra={"verify": "/not/there.pem"}))
    assert aws_login(connection(**OWN, extra={"verify": True})).tls is None
    lax = aws_login(connection(**OWN, extra={"verify": False})).tls
    assert lax is not None
    assert not lax.check_hostname
