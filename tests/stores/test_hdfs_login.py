"""There was no KDC for these: the server that asks for a proof and the library that makes one are our own here."""

from __future__ import annotations

import sys
import threading
import types
from base64 import b64encode
from typing import Any

import pytest

from airflow_datamove.errors import PermissionDenied, WrongUse
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.hdfs import HdfsStore
from airflow_datamove.stores.hdfs_login import hdfs_login
from airflow_datamove.stores.webhdfs import WebHdfs
from tests.stores.function_server import Answered, Asked, function_server

_STATUS = b'{"FileStatus":{"type":"FILE","modificationTime":1000,"length":3,"fileId":7,"pathSuffix":""}}'


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__CORE__SECURITY", raising=False)


class _Spnego:
    """In the place of the library: a token for the server, and a look at the server's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        module = types.ModuleType("spnego")
        module.ContextReq = types.SimpleNamespace(mutual_auth=2, sequence_detect=8)  # type: ignore[attr-defined]
        module.client = self._client  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "spnego", module)

    def _client(self, **how: Any) -> Any:
        self.asked.append(how)
        return self

    def step(self, token: bytes | None) -> bytes | None:
        if token is None:
            return b"ticket"
        if token != b"server":
            raise ValueError("c2VjcmV0")
        return None


class _NameNode:
    """As Hadoop's ``AuthenticationFilter``: a proof gives a cookie, and the cookie lets in."""

    def __init__(self) -> None:
        self.cookie, self.proofs, self.proves = 'hadoop.auth="u=me&s=1"', 0, b"server"
        self.port = 0

    def __call__(self, asked: Asked) -> Answered:
        if asked.target.startswith("/data/"):
            assert "cookie" not in asked.headers
            assert "authorization" not in asked.headers
            return Answered(200, b"abc")
        if self.cookie in asked.headers.get("cookie", ""):
            return self._served(asked, {})
        if asked.headers.get("authorization") == f"Negotiate {b64encode(b'ticket').decode()}":
            self.proofs += 1
            headers = {"WWW-Authenticate": f"Negotiate {b64encode(self.proves).decode()}"} if self.proves else {}
            return self._served(asked, {**headers, "Set-Cookie": f"{self.cookie}; Path=/; HttpOnly"})
        return Answered(401, b"", {"WWW-Authenticate": "Negotiate", "Set-Cookie": "hadoop.auth=; Path=/"})

    def _served(self, asked: Asked, headers: dict[str, str]) -> Answered:
        if "op=OPEN" in asked.target:
            # Another name for the same machine: a data node.
            where = f"http://localhost:{self.port}/data/f?delegation=token"
            return Answered(307, b"", {**headers, "Location": where})
        return Answered(200, _STATUS, headers)


def _store(port: int, **extra: Any) -> HdfsStore:
    connection = Connection("c", "webhdfs", "127.0.0.1", port, "me", extra={"use_kerberos": True, **extra})
    return HdfsStore(WebHdfs(hdfs_login(connection)))


def test_one_proof_is_enough_for_all_calls_of_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    spnego, node = _Spnego(monkeypatch), _NameNode()
    with function_server(node) as server, _store(server.port) as store:
        threads = [threading.Thread(target=store.stat, args=("/f",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert node.proofs == 1
        node.port = server.port
        version = store.stat("/f").version
        with store.open("/f", version=version) as reader:
            assert reader.read() == b"abc"
        assert node.proofs == 1
        # The cookie is good for hours, and then no more.
        node.cookie = 'hadoop.auth="u=me&s=2"'
        assert store.stat("/f").size == 3
        assert node.proofs == 2
        assert all("user.name" not in asked.target for asked in server.asked)
    assert spnego.asked[0] == {
        "username": None, "hostname": "127.0.0.1", "service": "HTTP", "protocol": "kerberos", "context_req": 10,
    }  # fmt: skip


def test_the_first_call_may_be_the_one_for_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    _Spnego(monkeypatch)
    node = _NameNode()
    with function_server(node) as server, _store(server.port) as store:
        node.port = server.port
        with store.open("/f") as reader:
            assert reader.read() == b"abc"


@pytest.mark.parametrize("proves", [b"", b"somebody else"])
def test_a_server_that_cannot_prove_who_it_is_is_refused(monkeypatch: pytest.MonkeyPatch, proves: bytes) -> None:
    _Spnego(monkeypatch)
    node = _NameNode()
    node.proves = proves
    with function_server(node) as server, _store(server.port) as store, pytest.raises(PermissionDenied) as caught:
        store.stat("/f")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_proof_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _Spnego(monkeypatch)
    answer = Answered(401, b"", {"WWW-Authenticate": "Negotiate"})
    with (
        function_server(lambda asked: answer) as server,
        _store(server.port) as store,
        pytest.raises(PermissionDenied, match="does not know"),
    ):
        store.stat("/f")


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)
    with (
        function_server(_NameNode()) as server,
        _store(server.port) as store,
        pytest.raises(WrongUse, match=r"airflow-datamove\[kerberos\]"),
    ):
        store.stat("/f")


@pytest.mark.parametrize(
    ("extra", "variable", "expected"),
    [
        ({}, "", False), ({"use_kerberos": "true"}, "", True), ({"auth": "kerberos"}, "", True),
        ({}, "kerberos", True), ({"use_kerberos": False}, "kerberos", False), ({"auth": "simple"}, "", False),
    ],
)  # fmt: skip
def test_when_it_is_kerberos(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], variable: str, expected: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SECURITY", variable)
    login = hdfs_login(Connection("c", "webhdfs", "nn", login="me", extra=extra))
    assert login.kerberos is expected
    assert login.user == ("" if expected else "me")


def test_the_fields_of_airflows_hook() -> None:
    extra = {"use_ssl": True, "verify": False, "cookies": {"a": "1", "b": "2"}, "headers": {"X-Y": "z"}}
    login = hdfs_login(Connection("c", "webhdfs", "one, two:99", None, "me", "c2VjcmV0", "gateway/x y", extra))
    assert login.urls == ("https://one:9871", "https://two:99")
    assert login.prefix == "/gateway/x%20y"
    assert login.headers == {"x-y": "z", "cookie": "a=1; b=2", "authorization": "Basic bWU6YzJWamNtVjA="}
    assert login.tls is not None
    assert not login.tls.check_hostname
    assert "bWU6" not in repr(login)
    assert hdfs_login(Connection("c", "webhdfs", "nn", 1, "me", "c2VjcmV0")).headers == {}


def test_certificates_that_cannot_be_read_are_wrong_use() -> None:
    for extra in ({"verify": "/nowhere.pem"}, {"cert": "/nowhere.pem", "key": "/nowhere.key"}):
        with pytest.raises(WrongUse, match="cannot be read"):
            hdfs_login(Connection("c", "webhdfs", "nn", extra={"use_ssl": True, **extra}))
