from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.errors import NotSupported, PermissionDenied, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from tests.conftest import hdfs_connection
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import answering_server, cutting_server, silent_port, unused_port
from tests.stores.parts_contract import PartsContract
from tests.stores.places import get, hdfs_place, put


@pytest.fixture(scope="module")
def _shared(hadoop: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    with hdfs_place(hadoop) as place:
        yield place, hadoop["webhdfs"]


@pytest.fixture
def place(_shared: tuple[Place, str], request: pytest.FixtureRequest) -> Place:
    (store, top), _ = _shared
    path = f"{top}/{abs(hash(request.node.nodeid))}"
    store.make_directory(path)
    return store, path


class TestHdfs(StoreContract, PartsContract):
    impossible_names = frozenset({"a:b"})

    @pytest.fixture(autouse=True)
    def _url(self, _shared: tuple[Place, str]) -> None:
        self.url = _shared[1]

    def everything(self, store: Store, top: str) -> list[str]:
        found = requests.get(f"{self.url}/webhdfs/v1{top}?op=LISTSTATUS", timeout=10).json()
        return [status["pathSuffix"] for status in found["FileStatuses"]["FileStatus"]]


@pytest.mark.parametrize("name", ["/.reserved/raw{}", "/.reserved/.inodes/16385"])
def test_another_name_of_a_path_is_refused(place: Place, name: str) -> None:
    store, top = place
    put(store, f"{top}/f", b"1")
    for use in (
        store.stat,
        store.open,
        store.delete,
        lambda path: list(store.walk(path)),
        lambda path: put(store, path),
    ):
        with pytest.raises(NotSupported, match="takes for another"):
            use(name.format(f"{top}/f"))
    assert get(store, f"{top}/f") == b"1"


def _store(**fields: Any) -> Store:
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps({"conn_type": "webhdfs", **fields})})
    return open_store(Address.parse("hdfs://x@/"), connections)


@pytest.mark.parametrize(
    ("status", "exception", "expected"),
    [
        ("403 Forbidden", "AccessControlException", PermissionDenied),
        ("401 Unauthorized", "AuthenticationException", PermissionDenied),
        ("403 Forbidden", "SafeModeException", StoreUnavailable),
    ],
)
def test_a_refusal_is_told_in_our_words(status: str, exception: str, expected: type[Exception]) -> None:
    """The cluster of the tests checks no permissions, so its answers are given here as WebHDFS writes them."""
    body = json.dumps({"RemoteException": {"exception": exception, "message": "Permission denied: user=stranger"}})
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    with answering_server(answer) as port, _store(host="127.0.0.1", port=port) as store, pytest.raises(expected):
        put(store, "/mine/f", b"1")


def test_the_active_name_node_is_found_among_several(hadoop: dict[str, Any], place: Place) -> None:
    _, top = place
    fields = hdfs_connection(hadoop)
    hosts = f"127.0.0.1:{unused_port()},127.0.0.1:{fields['port']}"
    with _store(**{**fields, "host": hosts}) as store:
        put(store, f"{top}/f", b"1")
        assert get(store, f"{top}/f") == b"1"


def test_a_name_node_that_is_away_is_told_soon() -> None:
    started = time.monotonic()
    with (
        _store(host="127.0.0.1", port=unused_port()) as store,
        pytest.raises(StoreUnavailable, match="cannot be reached"),
    ):
        store.stat("/f")
    assert time.monotonic() - started < 5


def test_a_name_node_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.stores.webhdfs.ANSWER_SECONDS", 0.5)
    with (
        silent_port() as port,
        _store(host="127.0.0.1", port=port) as store,
        pytest.raises(StoreUnavailable, match="time"),
    ):
        store.stat("/f")


def test_a_connection_that_is_cut_is_an_error_and_no_end() -> None:
    with (
        cutting_server(announced=1000, sent=400) as port,
        _store(host="127.0.0.1", port=port) as store,
        pytest.raises(StoreUnavailable, match="600 bytes before the end"),
    ):
        get(store, "/f")


def test_a_connection_without_a_host_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="names no host"):
        _store(login="root")


def test_a_listing_of_more_than_one_page(hadoop: dict[str, Any], place: Place) -> None:
    store, top = place
    names = [f"d{number:04d}" for number in range(1100)]
    session = requests.Session()
    for name in names:
        session.put(f"{hadoop['webhdfs']}/webhdfs/v1{top}/{name}?op=MKDIRS&user.name=root", timeout=10)
    assert [entry.name for entry in store.list(top)] == names
