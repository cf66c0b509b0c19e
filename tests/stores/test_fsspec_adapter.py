from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreUnavailable,
    WrongUse,
)
from airflow_datamove.stores.connection import Connection, EnvironmentConnections
from airflow_datamove.stores.contract import Attributes, Kind, Store
from airflow_datamove.stores.fsspec_adapter import _errors, _FsspecStore
from airflow_datamove.stores.fsspec_options import options_of
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import unused_port
from tests.stores.places import get, put


def opened(address: str, **connection: Any) -> Store:
    value = json.dumps({"conn_type": "fs", **connection})
    return open_store(Address.parse(address), EnvironmentConnections({"AIRFLOW_CONN_X": value}))


@pytest.fixture
def place() -> Iterator[Place]:
    from fsspec.implementations.memory import MemoryFileSystem

    with opened("memory:///") as store:
        top = f"/{uuid.uuid4().hex[:12]}"
        store.make_directory(top)
        yield store, top
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


class TestMemory(StoreContract):
    """No file system behind fsspec keeps the times that it is told."""

    def test_a_file_reads_back_as_it_was_written(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"content")
        entry = store.stat(f"{top}/f")
        assert (entry.path, entry.kind, entry.size) == (f"{top}/f", Kind.FILE, 7)
        assert get(store, f"{top}/f") == b"content"


def test_a_file_that_is_replaced_while_it_is_read_is_source_changed(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1234")
    with store.open(f"{top}/f", version=store.stat(f"{top}/f").version) as reader:
        assert reader.read(4) == b"1234"
        put(store, f"{top}/f", b"5678")
        with pytest.raises(SourceChanged):
            reader.read(4)


def test_a_directory_where_the_file_should_be_stays(place: Place) -> None:
    store, top = place
    store.make_directory(f"{top}/f")
    with pytest.raises(AlreadyExists):
        put(store, f"{top}/f", b"1")
    assert [entry.kind for entry in store.list(top)] == [Kind.DIRECTORY]


def test_a_store_that_was_given_up(place: Place) -> None:
    store, top = place
    with store.create(f"{top}/f", size=1) as writer:
        store.interrupt()
        with pytest.raises(StoreUnavailable):
            writer.write(b"1")
    with pytest.raises(StoreUnavailable):
        store.stat(top)


def test_the_authority_of_a_memory_is_a_directory(place: Place) -> None:
    _, top = place
    with opened(f"memory:/{top}/") as store:
        put(store, "/a/b", b"1")
        assert [entry.path for entry in store.walk("/")] == ["/a", "/a/b"]


class _Readable:
    """A file system that cannot rename."""

    root_marker = ""
    asked: list[str] = []

    def __init__(self, **options: Any) -> None:
        pass

    def invalidate_cache(self) -> None: ...

    def info(self, name: str) -> dict[str, Any]:
        self.asked.append(name)
        if name == "bucket/denied":
            raise PermissionError("s3cret")
        return {"name": name, "type": "file", "size": 3, "ETag": "v", "LastModified": "2020-01-01T00:00:00+00:00"}

    def cat_file(self, name: str, start: int, end: int) -> bytes:
        return b"abc"[start:end]


def test_what_cannot_rename_is_a_source_alone() -> None:
    store = _FsspecStore("oss", _Readable, {}, "bucket")
    assert store.capabilities.read_only
    entry = store.stat("/a")
    assert (entry.version, entry.modified) == ("v-3", 1_577_836_800)
    assert get(store, "/a", offset=1) == b"bc"
    assert set(_Readable.asked) == {"bucket/a"}
    for use in (
        lambda: store.create("/a", size=1, attributes=Attributes()),
        lambda: store.put("/a", memoryview(b"1")),
        lambda: store.make_directory("/a"),
        lambda: store.delete("/a"),
    ):
        with pytest.raises(NotSupported, match="source alone"):
            use()
    with pytest.raises(PermissionDenied) as caught:
        store.stat("/denied")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "connection", "options", "prefix"),
    [
        ("ftp://h/f", {}, {"host": "h"}, ""),
        ("ftp://x@h:2121/f", {"login": "l", "password": "p"},
         {"host": "h", "port": 2121, "username": "l", "password": "p"}, ""),
        ("smb://x@/share/f", {"host": "h", "port": 445, "extra": {"storage_options": {"share_access": "r"}}},
         {"host": "h", "port": 445, "share_access": "r"}, ""),
        ("github://x@org:repo/f", {"login": "l", "password": "p", "extra": {"storage_options": '{"sha": "main"}'}},
         {"org": "org", "repo": "repo", "username": "l", "token": "p", "sha": "main"}, ""),
        ("oss://x@bucket/f", {"extra": {"storage_options": {"key": "k"}}}, {"key": "k"}, "bucket"),
    ],
)  # fmt: skip
def test_what_a_file_system_is_made_with(
    address: str, connection: dict[str, Any], options: dict[str, Any], prefix: str
) -> None:
    found = options_of(Address.parse(address), Connection("x", **connection))
    assert found == ({"use_listings_cache": False, **options}, prefix)


@pytest.mark.parametrize(
    ("address", "connection"),
    [
        ("ftp://x@other/f", {"host": "h", "password": "s3cret"}),
        ("ftp://x@h:1/f", {"host": "h", "port": 21, "password": "s3cret"}),
        ("ftp://x@/f", {"password": "s3cret"}),
        ("ftp://h:port/f", {}),
        ("oss://x@bucket/f", {"extra": {"storage_options": "s3cret"}}),
    ],
)
def test_what_cannot_be_used_is_wrong_use_and_not_shown(address: str, connection: dict[str, Any]) -> None:
    with pytest.raises(WrongUse) as caught:
        options_of(Address.parse(address), Connection("x", **connection))
    assert "s3cret" not in str(caught.value)


def test_a_package_that_is_not_there_is_told() -> None:
    with pytest.raises(WrongUse, match="needs a package"):
        opened("oss://x@bucket/f")


def test_a_server_that_is_away_is_told() -> None:
    with opened(f"ftp://127.0.0.1:{unused_port()}/f") as store, pytest.raises(StoreUnavailable, match="is away"):
        store.stat("/f")


def test_what_an_ftp_server_says() -> None:
    import ftplib

    for error, expected in (
        (ftplib.error_perm("530 s3cret"), PermissionDenied),
        (ftplib.error_perm("553 s3cret"), NotSupported),
        (ftplib.error_temp("421 s3cret"), StoreUnavailable),
        (EOFError(), StoreUnavailable),
        (IsADirectoryError(), NotFound),
        (NotImplementedError(), NotSupported),
        (ValueError("an illegal newline character"), NotSupported),
    ):
        with pytest.raises(expected) as caught, _errors("/f"):
            raise error
        assert "s3cret" not in str(caught.value)
