"""What the test cluster does not do: HttpFS, crc32c, name nodes and data nodes that go away."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from awscrt.checksums import crc32c

from airflow_datamove.errors import NotFound, SourceChanged, StoreUnavailable, Throttled, VerificationFailed
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.contract import Attributes
from airflow_datamove.stores.hdfs import HdfsStore
from airflow_datamove.stores.hdfs_login import hdfs_login
from airflow_datamove.stores.webhdfs import WebHdfs
from tests.stores.dead_server import unused_port
from tests.stores.function_server import Answered, Asked, function_server
from tests.stores.places import get, put


def _store(*hosts: str, **fields: Any) -> HdfsStore:
    return HdfsStore(WebHdfs(hdfs_login(Connection("c", "webhdfs", ",".join(hosts), **fields))))


def _gateway(port: int) -> HdfsStore:
    return _store("127.0.0.1", port=port, login="me", schema="gateway")


def _remote(exception: str, message: str = "", status: int = 403) -> Answered:
    return Answered(status, json.dumps({"RemoteException": {"exception": exception, "message": message}}).encode())


class _HttpFs:
    """One file system behind one server: it gives bytes at once, and takes them by a redirect to itself
    (``HttpFSServer`` with ``data=true``). Its checksums are crc32c."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, bytes, int]] = {}
        self.spoil = b""
        self.made = 0

    def __call__(self, asked: Asked) -> Answered:
        parts = urlsplit(asked.target)
        assert parts.path.startswith("/gateway/webhdfs/v1/")
        path, query = parts.path[len("/gateway/webhdfs/v1") :], {k: v[0] for k, v in parse_qs(parts.query).items()}
        assert query["user.name"] == "me"
        operation = query["op"]
        if operation == "CREATE":
            return self._create(asked, path, query)
        if path not in self.files:
            return _remote("FileNotFoundException", status=404)
        file_id, data, modified = self.files[path]
        if operation == "OPEN":
            start = int(query.get("offset", 0))
            if start >= len(data) and start:
                return _remote("EOFException", "Cannot seek after EOF", 500)
            return Answered(200, data[start : start + int(query.get("length", len(data)))])
        if operation == "GETFILESTATUS":
            status = {"type": "FILE", "modificationTime": modified, "length": len(data), "fileId": file_id}
            return Answered(200, json.dumps({"FileStatus": status}).encode())
        if operation == "GETFILECHECKSUM":
            found = {"algorithm": "COMPOSITE-CRC32C", "bytes": f"{crc32c(data):08X}00000000", "length": 4}
            return Answered(200, json.dumps({"FileChecksum": found}).encode())
        if operation == "SETTIMES":
            self.files[path] = (file_id, data, int(query["modificationtime"]))
        elif operation == "RENAME":
            self.files[query["destination"]] = self.files.pop(path)
        elif operation == "DELETE":
            del self.files[path]
            return Answered(200, b'{"boolean":true}')
        return Answered(200)

    def _create(self, asked: Asked, path: str, query: dict[str, str]) -> Answered:
        if "data" not in query:
            return Answered(307, b"", {"Location": f"http://{asked.headers['host']}{asked.target}&data=true"})
        assert asked.headers["content-type"] == "application/octet-stream"
        self.made += 1
        self.files[path] = (self.made, self.spoil or asked.body, 1)
        return Answered(201)


def test_httpfs_takes_and_gives_bytes_and_its_crc_is_compared() -> None:
    server = _HttpFs()
    with (
        function_server(server) as script,
        _store("127.0.0.1", port=script.port, login="me", schema="gateway") as store,
    ):
        made, verified_by = store.put("/d/f", memoryview(b"content"), Attributes(5.0))
        assert verified_by == "crc32c"
        assert made == store.stat("/d/f")
        assert made.modified == 5.0
        assert get(store, "/d/f", version=made.version) == b"content"
        assert get(store, "/d/f", offset=3, length=2) == b"te"
        with store.create("/d/g", size=6) as writer:
            writer.write(b"abc")
            writer.write(b"def")
            writer.commit()
            assert writer.verified_by == "crc32c"
        assert get(store, "/d/g") == b"abcdef"
        server.spoil = b"CONTENT"
        with pytest.raises(VerificationFailed, match="crc32c"):
            store.put("/d/f", memoryview(b"content"))
        with pytest.raises(VerificationFailed, match="crc32c"):
            put(store, "/d/f", b"content")
        upload = store.upload("/d/f", size=7, part_size=7, identity="0" * 32)
        with pytest.raises(VerificationFailed, match="crc32c"):
            upload.put(0, memoryview(b"content"), f"{crc32c(b'content'):08x}")
        assert set(server.files) == {"/d/f", "/d/g"}
        assert get(store, "/d/f") == b"content"


def _asks(asked: list[Asked], operation: str) -> int:
    return sum(f"op={operation}" in each.target for each in asked)


def test_a_read_asks_once_whether_the_file_is_the_same_and_only_at_its_end() -> None:
    server = _HttpFs()
    with (
        function_server(server) as script,
        _store("127.0.0.1", port=script.port, login="me", schema="gateway") as store,
    ):
        version = store.put("/f", memoryview(b"x" * 1000)).entry.version
        del script.asked[:]
        with store.open("/f", version=version) as reader:
            assert reader.read(10) == b"x" * 10
        assert _asks(script.asked, "GETFILESTATUS") == 0
        with store.open("/f", offset=990, length=10, version=version) as reader:
            assert reader.read(10) == b"x" * 10
            assert _asks(script.asked, "GETFILESTATUS") == 1
            assert reader.read(10) == b""
        assert _asks(script.asked, "GETFILESTATUS") == 1
        store.put("/f", memoryview(b"y" * 1000))
        with store.open("/f", offset=990, length=10, version=version) as reader, pytest.raises(SourceChanged):
            reader.read(10)
        for offset in (1000, 5000):
            with pytest.raises(SourceChanged):
                store.open("/f", offset=offset, version=version)
            assert get(store, "/f", offset=offset) == b""
        with pytest.raises(NotFound):
            store.open("/none", offset=5)


def test_a_data_node_that_is_away_is_left_out() -> None:
    away = unused_port()
    status = {"type": "FILE", "modificationTime": 1, "length": 3, "fileId": 1}

    def name_node(asked: Asked) -> Answered:
        if "op=GETFILESTATUS" in asked.target:
            return Answered(200, json.dumps({"FileStatus": status}).encode())
        if "op=OPEN" in asked.target or "op=CREATE" in asked.target:
            left_out = "excludedatanodes=localhost" in asked.target
            where = f"127.0.0.1:{data_node.port}" if left_out else f"localhost:{away}"
            return Answered(307, b"", {"Location": f"http://{where}/f?op=x"})
        return Answered(200)

    with (
        function_server(lambda asked: Answered(201) if asked.method == "PUT" else Answered(200, b"abc")) as data_node,
        function_server(name_node) as server,
        _store("127.0.0.1", port=server.port) as store,
    ):
        assert get(store, "/f") == b"abc"
        store.put("/f", memoryview(b"abc"))
        put(store, "/f", b"abc")
        assert [each.body for each in data_node.asked] == [b"", b"abc", b"abc"]


def test_the_only_data_node_that_is_away_is_told() -> None:
    away = unused_port()

    def answer(asked: Asked) -> Answered:
        if "excludedatanodes" in asked.target:
            return _remote("IOException", "Failed to find datanode, suggest to check cluster health")
        return Answered(307, b"", {"Location": f"http://127.0.0.1:{away}/x?op=x"})

    with function_server(answer) as server, _store("127.0.0.1", port=server.port) as store:
        with pytest.raises(StoreUnavailable, match=r"/f: the data node .* cannot be reached"):
            store.open("/f")
        with pytest.raises(StoreUnavailable, match="the data node"):
            store.put("/f", memoryview(b"abc"))
        with pytest.raises(StoreUnavailable, match="the data node"):
            put(store, "/f", b"abc")


def test_the_standby_is_passed_over_and_the_active_one_kept_to() -> None:
    status = {"type": "FILE", "modificationTime": 1, "length": 3, "fileId": 1}
    active = Answered(200, json.dumps({"FileStatus": status}).encode())
    with (
        function_server(lambda asked: _remote("StandbyException", "not supported in state standby")) as standby,
        function_server(lambda asked: active) as other,
        _store(f"127.0.0.1:{standby.port}", f"127.0.0.1:{other.port}") as store,
    ):
        for _ in range(5):
            assert store.stat("/f").size == 3
        assert (len(standby.asked), len(other.asked)) == (1, 5)
        other.answer, standby.answer = standby.answer, lambda asked: active
        assert store.stat("/f").size == 3
        standby.answer = other.answer
        with pytest.raises(StoreUnavailable, match="no name node is active"):
            store.stat("/f")


def test_a_concatenation_is_sent_once() -> None:
    """Whether it was carried out cannot be known when the answer is lost."""
    with function_server(lambda asked: Answered(500)) as server, _store("127.0.0.1", port=server.port) as store:
        with pytest.raises(StoreUnavailable):
            store._web.call("POST", "CONCAT", "/f", {"sources": "/g"}, once=True)
        assert len(server.asked) == 1


def test_too_many_requests_is_throttled() -> None:
    answer = Answered(429, b"", {"Retry-After": "100"})
    with (
        function_server(lambda asked: answer) as server,
        _store("127.0.0.1", port=server.port) as store,
        pytest.raises(Throttled) as caught,
    ):
        store.stat("/f")
    assert caught.value.retry_after == 100
    assert caught.value.path == "/f"
