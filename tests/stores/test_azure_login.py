from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import PermissionDenied, WrongUse
from airflow_datamove.stores.azure_credential import SCOPE, Anonymous, Sas, SharedKey, Token, decoded_query
from airflow_datamove.stores.azure_login import AzureAccount, azure_account
from airflow_datamove.stores.connection import Connection, parse_json

KEY = base64.b64encode(b"a key that opens nothing at all, but is long enough to look real.").decode()
SAS = "sv=2021-12-02&ss=b&srt=sco&sp=rl&se=2030-01-01T00%3A00%3A00Z&sig=c2VjcmV0%2Bs%3D"
HOST = "https://acme.blob.core.windows.net"

NAMES = st.from_regex(r"x-ms-(meta-)?[a-z_][a-z0-9_-]{0,12}", fullmatch=True)
VALUES = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
PLAIN = st.sampled_from(["content-md5", "content-type", "if-match", "if-none-match"])
QUERY = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text("abz/ +&=%ü", max_size=10), max_size=4)


def _connection(**fields: Any) -> Connection:
    return parse_json("x", json.dumps({"conn_type": "wasb", **fields}))


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"]),
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    headers=st.dictionaries(st.one_of(NAMES, PLAIN), VALUES, max_size=8),
    query=QUERY,
    size=st.integers(0, 2**40),
)
def test_a_signature_is_that_of_the_vendors_client(
    method: str, key: str, headers: dict[str, str], query: dict[str, str], size: int
) -> None:
    from urllib.parse import quote

    from azure.core.pipeline import PipelineContext, PipelineRequest
    from azure.core.rest import HttpRequest
    from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy

    path = f"/acme/{quote(key)}"
    written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    url = f"http://127.0.0.1:1{path}" + (f"?{written}" if written else "")
    request = HttpRequest(method, url, headers={**headers, "Content-Length": str(size)})
    SharedKeyCredentialPolicy("acme", KEY).on_request(PipelineRequest(request, PipelineContext(SimpleNamespace())))
    ours = SharedKey("acme", KEY).authorization(method, path, query, headers, size)
    assert ours == request.headers["Authorization"]


WRITTEN = [
    {"extra": {"connection_string": f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY}"}},
    {"extra": {"connection_string": f"BlobEndpoint={HOST}/;SharedAccessSignature={SAS}"}},
    {"extra": {"connection_string": f"BlobEndpoint=http://127.0.0.1:9/acme;AccountName=acme;AccountKey={KEY}"}},
    {"extra": {"connection_string": f"AccountName=acme;EndpointSuffix=core.chinacloudapi.cn;AccountKey={KEY}"}},
    {"host": HOST, "login": "client", "password": "secret", "extra": {"tenant_id": "tenant"}},
    {"host": HOST, "login": "acme", "extra": {"shared_access_key": KEY}},
    {"host": f"{HOST}/", "login": "acme", "extra": {"extra__wasb__shared_access_key": KEY}},
    {"login": "acme", "extra": {"sas_token": SAS}},
    {"extra": {"sas_token": f"{HOST}?{SAS}"}},
    {"login": "acme", "password": KEY},
    {"host": "acme.blob.core.windows.net", "password": KEY},
    {"host": "http://127.0.0.1:9/acme", "login": "acme", "password": KEY},
    {"host": "directory-id", "login": "acme", "password": KEY},
    {"login": "acme", "extra": {"account_key": KEY}},
    {"login": "acme", "password": f"?{SAS}"},
    {"login": "acme", "extra": {"managed_identity_client_id": "a", "workload_identity_tenant_id": "b"}},
]


@pytest.mark.parametrize("fields", WRITTEN, ids=str)
def test_every_way_of_airflows_hook_gives_what_the_hook_gives(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.connection import Connection as AirflowConnection
    from airflow.providers.microsoft.azure.hooks.wasb import WasbHook

    extra = json.dumps(fields.get("extra", {}))
    written = AirflowConnection(conn_id="x", conn_type="wasb", **{**fields, "extra": extra})
    monkeypatch.setattr(WasbHook, "get_connection", lambda self, conn_id: written)
    connection = _connection(**fields)
    # What the hook passes on to the client and the client does not know is no concern of this.
    native = replace(connection, native=lambda: WasbHook("x").get_conn())
    own, theirs = azure_account(connection), azure_account(native)
    assert (own.url, own.path, own.name) == (theirs.url, theirs.path, theirs.name)
    assert type(own.credential) is type(theirs.credential)
    nothing: dict[str, str] = {}
    asked = ("GET", "/p", nothing, {"x-ms-date": "now"}, 0)
    if not isinstance(own.credential, Token):
        assert own.credential.authorization(*asked) == theirs.credential.authorization(*asked)
        assert own.credential.query() == theirs.credential.query()
    for account in (own, theirs):
        assert KEY not in repr(account)
        assert "sig" not in repr(account)
        assert "secret" not in repr(account)


def test_a_container_that_anyone_may_read_needs_no_credential() -> None:
    from azure.storage.blob import BlobServiceClient

    connection = _connection(host=HOST, extra={"public_read": True})
    native = Connection("x", native=lambda: BlobServiceClient(HOST))
    assert isinstance(azure_account(connection).credential, Anonymous)
    assert isinstance(azure_account(native).credential, Anonymous)


def test_a_sas_that_is_replaced_while_a_copy_runs_is_taken_up() -> None:
    from azure.core.credentials import AzureSasCredential
    from azure.storage.blob import BlobServiceClient

    sas = AzureSasCredential(f"?{SAS}")
    account = azure_account(Connection("x", native=lambda: BlobServiceClient(HOST, credential=sas)))
    assert account.credential.query() == SAS
    sas.update("sig=other")
    assert account.credential.query() == "sig=other"


def test_the_other_endpoint_of_a_hierarchical_account_is_not_spoken_to() -> None:
    account = azure_account(_connection(host="https://acme.dfs.core.windows.net", login="acme", password=KEY))
    assert account.url == HOST


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"login": "acme", "password": "no base64 at all"},
        {"host": "ftp://acme.example/", "password": KEY},
        {"host": "https://acme.example:port/", "login": "acme", "password": KEY},
        {"extra": {"connection_string": f"AccountKey={KEY}"}},
        {"extra": {"connection_string": "just text"}},
    ],
    ids=str,
)
def test_what_cannot_be_used_is_wrong_use_and_not_shown(fields: dict[str, Any]) -> None:
    with pytest.raises(WrongUse, match="cannot be used") as caught:
        azure_account(_connection(**fields))
    for secret in (KEY, "no base64", "just text"):
        assert secret not in str(caught.value)


def test_a_hook_that_fails_is_wrong_use_and_not_shown() -> None:
    def native() -> Any:
        raise RuntimeError("a secret")

    with pytest.raises(WrongUse, match="cannot be used") as caught:
        azure_account(Connection("x", native=native))
    assert "a secret" not in str(caught.value)


def test_a_token_goes_nowhere_without_tls() -> None:
    with pytest.raises(WrongUse, match="without TLS"):
        azure_account(
            _connection(host="http://acme.blob.example.com", extra={"tenant_id": "t"}, login="a", password="b")
        )


class _Source:
    """Counts how often a token is asked for."""

    def __init__(self, lasts: float) -> None:
        self.lasts, self.asked, self.fails = lasts, 0, False

    def get_token(self, *scopes: str) -> Any:
        assert scopes == (SCOPE,)
        self.asked += 1
        time.sleep(0.01)
        if self.fails:
            raise ValueError("tenant and secret")
        return SimpleNamespace(token=f"token{self.asked}", expires_on=int(time.time() + self.lasts))


def _header(token: Token) -> str:
    return token.authorization("GET", "/", {}, {}, 0)


def test_a_token_is_asked_for_once_until_shortly_before_its_end() -> None:
    source = _Source(3600)
    token = Token(source)
    threads = [threading.Thread(target=_header, args=(token,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _header(token) == "Bearer token1"
    assert source.asked == 1
    short = _Source(200)
    token = Token(short)
    assert [_header(token), _header(token)] == ["Bearer token1", "Bearer token2"]
    short.fails = True
    assert _header(token) == "Bearer token2"


def test_no_token_is_permission_denied_and_says_nothing_of_it() -> None:
    source = _Source(1)
    source.fails = True
    with pytest.raises(PermissionDenied) as caught:
        _header(Token(lambda: source))
    assert "secret" not in str(caught.value)


def test_a_query_is_decoded_for_signing() -> None:
    assert decoded_query("a=b%2Bc&D=&e") == {"a": "b+c", "d": "", "e": ""}
    account = AzureAccount(HOST, "", "acme", Sas(lambda: SAS))
    assert "c2VjcmV0" not in repr(account)
