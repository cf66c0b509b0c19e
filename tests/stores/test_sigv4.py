"""Our signatures are botocore's."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import string
from datetime import UTC, datetime
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.stores.sigv4 import EMPTY, UNSIGNED, Credentials, Signer, quoted_path, quoted_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADERS = st.dictionaries(
    st.text(string.ascii_lowercase + "-", min_size=1, max_size=12).map(lambda name: f"x-amz-meta-{name}"),
    # Controls no header can have; of the spaces beyond ASCII botocore makes one space before it signs them.
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]) | st.just(" "), max_size=20),
    max_size=5,
)
KEYS = st.text(string.ascii_letters + string.digits + "/+", min_size=1, max_size=40)


@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    TEXT,
    st.dictionaries(TEXT.filter(bool), TEXT, max_size=5),
    HEADERS,
    st.binary(max_size=100),
    st.tuples(KEYS, KEYS, st.just("") | KEYS),
    st.integers(0, 4_000_000_000),
)
def test_a_signature_is_that_of_botocore(
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    keys: tuple[str, str, str],
    now: int,
) -> None:
    host, path, parameters = "127.0.0.1:8333", quoted_path(f"/bucket/{key}"), quoted_query(query)
    url = f"http://{host}{path}{'?' + parameters if parameters else ''}"
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    with patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(now, UTC)):
        S3SigV4Auth(Theirs(keys[0], keys[1], keys[2] or None), "s3", "eu-west-1").add_auth(request)
    wire = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    payload = request.headers["X-Amz-Content-SHA256"]
    ours = Signer("eu-west-1").signed(Credentials(*keys), method, host, path, parameters, wire, payload, now)
    assert ours.pop("authorization") == request.headers["Authorization"]
    assert ours.items() >= wire.items()
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours.get("x-amz-security-token", "") == keys[2]


def test_the_days_key_is_made_anew_for_another_day_or_secret() -> None:
    signer = Signer("us-east-1")

    def signature(secret: str, now: float) -> str:
        signed = signer.signed(Credentials("a", secret), "GET", "h", "/", "", {}, EMPTY, now)
        return signed["authorization"].rpartition("=")[2]

    first = signature("one", 0)
    assert signature("two", 0) != first
    assert signature("one", 86_400) != first
    assert signature("one", 0) == first


def test_credentials_show_no_secret() -> None:
    shown = repr(Credentials("id", "s3cret", "t0ken"))
    assert "s3cret" not in shown
    assert "t0ken" not in shown


def test_a_body_that_tls_protects_is_not_signed() -> None:
    signed = Signer("us-east-1").signed(Credentials("a", "b"), "PUT", "h", "/k", "", {}, UNSIGNED)
    assert signed["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
