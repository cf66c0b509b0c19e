from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, SourceChanged, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Attributes, Kind, Store
from airflow_datamove.stores.gcs import GcsStore
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import unused_port
from tests.stores.parts_contract import PartsContract
from tests.stores.places import gcs_place, get, make_bucket, put

_MIB = 2**20


@pytest.fixture
def place(gcs: dict[str, Any]) -> Iterator[Place]:
    with gcs_place(gcs) as place:
        yield place


class TestGcs(StoreContract, PartsContract):
    """fake-gcs-server takes any credential, any checksum that is sent with an upload, and any generation of what is
    composed or deleted; it answers a compose of what is not there with 500 where the service says 404, and dies of one
    with a condition. What these meet is tried with an answer of our own."""

    impossible_names = frozenset({"new\nline"})


def _store(bucket: str, extra: dict[str, Any]) -> Store:
    value = {"conn_type": "google_cloud_platform", "extra": extra}
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(value)})
    return open_store(Address.parse(f"gs://x@{bucket}/"), connections)


def test_a_key_beside_its_own_prefix_is_both(place: Place) -> None:
    store, _ = place
    put(store, "/a", b"1")
    put(store, "/a/b", b"2")
    assert store.stat("/a").kind is Kind.FILE
    assert store.is_both("/a")
    assert [(entry.name, entry.kind) for entry in store.list("/")] == [("a", Kind.DIRECTORY), ("a", Kind.FILE)]


@pytest.mark.parametrize("name", ["cr\rlf", "x" * 1025, ".well-known/acme-challenge/x"])
def test_a_name_that_cannot_be_is_never_asked_after(name: str) -> None:
    extra = {"is_anonymous": True, "project": "p", "endpoint": f"http://127.0.0.1:{unused_port()}"}
    with _store("b", extra) as store:
        for use in (
            store.stat,
            store.open,
            store.delete,
            store.is_both,
            store.make_directory,
            lambda path: list(store.list(path)),
            lambda path: list(store.walk(path)),
            lambda path: store.put(path, memoryview(b"1")),
            lambda path: store.upload(path, size=1, part_size=1, identity="0" * 32),
        ):
            with pytest.raises(NotSupported, match="cannot hold"):
                use(f"/{name}")


def test_listings_tell_all_that_stat_tells(place: Place) -> None:
    store, top = place
    attributes = Attributes(1_000_000_000.25, "text/x", {"owner": "ünï", "Case": "kept"})
    made = store.put(f"{top}/f", memoryview(b"content"), attributes).entry
    assert made == store.stat(f"{top}/f")
    assert [made] == list(store.list(top)) == list(store.walk(top))
    assert made.metadata == {"owner": "ünï", "Case": "kept"}
    assert made.checksums["crc32c"] == f"{crc32c(b'content'):08x}"


def test_metadata_that_cannot_be_kept_is_dropped(place: Place) -> None:
    store, top = place
    metadata = {"a": "1", "b": "line\nbreak", "mtime": "mine", "": "nameless", "x": "y" * 9000}
    made = store.put(f"{top}/f", memoryview(b"1"), Attributes(5.0, "two\nlines", metadata)).entry
    assert (made.metadata, made.modified, made.content_type) == ({"a": "1"}, 5.0, "application/octet-stream")


def test_a_copy_by_the_service_from_another_bucket(gcs: dict[str, Any], place: Place) -> None:
    source, top = place
    attributes = Attributes(1_000_000_000, "text/x", {"owner": "acme"})
    entry = source.put(f"{top}/a b", memoryview(b"content"), attributes).entry
    with _store(make_bucket(gcs), gcs_connection(gcs)["extra"]) as other:
        # The same server, and another connection.
        assert not other.can_copy_from(source)
        assert other.can_copy_from(other)
        for wanted in (
            Attributes(),
            Attributes(entry.modified),
            Attributes(entry.modified, "text/x", {"owner": "acme"}),
        ):
            made, verified_by = other.copy_from(source, entry, "/c/ü", wanted)
            assert made == other.stat("/c/ü")
            assert verified_by == "crc32c"
            assert (made.modified, made.content_type, made.metadata) == (1_000_000_000, "text/x", {"owner": "acme"})
            assert get(other, "/c/ü") == b"content"
        made = other.copy_from(source, entry, "/d", Attributes(7.0, "text/y", {"n": "1"})).entry
        assert (made.modified, made.content_type, made.metadata) == (7.0, "text/y", {"n": "1"})
        source.put(f"{top}/a b", memoryview(b"changed"))
        for wanted in (Attributes(), attributes):
            with pytest.raises(SourceChanged):
                other.copy_from(source, entry, "/e", wanted)
        assert not other.exists("/e")


def test_a_written_file_of_more_than_one_part(place: Place) -> None:
    store, top = place
    data = b"x" * (16 * _MIB + 3)
    attributes = Attributes(5.0, "text/x", {"owner": "acme"})
    with store.create(f"{top}/f", size=len(data), attributes=attributes) as writer:
        writer.write(data)
        made = writer.commit()
    assert made == store.stat(f"{top}/f")
    assert (made.size, made.modified, made.metadata) == (len(data), 5.0, {"owner": "acme"})
    assert made.checksums["crc32c"] == f"{crc32c(data):08x}"
    assert list(store.leftovers("/")) == []


def test_what_is_kept_as_gzip_is_read_as_it_is(gcs: dict[str, Any], place: Place) -> None:
    import gzip

    import requests

    store, top = place
    assert isinstance(store, GcsStore)
    packed = gzip.compress(b"content" * 100)
    body = b"--B\r\ncontent-type: application/json\r\n\r\n"
    body += json.dumps({"name": f"{top[1:]}/f", "contentEncoding": "gzip"}).encode()
    body += b"\r\n--B\r\ncontent-type: text/plain\r\n\r\n" + packed + b"\r\n--B--\r\n"
    url = f"{gcs['url']}/upload/storage/v1/b/{store._client.bucket}/o?uploadType=multipart"
    requests.post(url, body, headers={"content-type": "multipart/related; boundary=B"}, timeout=10).raise_for_status()
    entry = store.stat(f"{top}/f")
    assert entry.size == len(packed)
    assert get(store, f"{top}/f", version=entry.version) == packed
    assert get(store, f"{top}/f", offset=3, length=5) == packed[3:8]


def test_a_listing_of_more_than_one_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.stores.gcs_listing.listing.__kwdefaults__", {"one_level": False, "most": 3})
    store, top = place
    names = [f"f{number}" for number in range(8)]
    for name in names:
        put(store, f"{top}/d-{name}/{name}")
        put(store, f"{top}/{name}")
    assert [entry.name for entry in store.list(top)] == sorted([*names, *(f"d-{name}" for name in names)])
    assert len([entry for entry in store.walk(top) if entry.kind is Kind.FILE]) == 16


def test_a_bucket_is_made(gcs: dict[str, Any]) -> None:
    extra = gcs_connection(gcs)["extra"]
    made = f"made-{time.time_ns()}"
    with _store(made, extra) as store:
        with pytest.raises(NotFound, match="no such bucket"):
            store.stat("/")
        store.create_root()
        store.create_root()
        assert store.stat("/").kind is Kind.DIRECTORY
        assert list(store.list("/")) == []
    del extra["project"]
    with _store(made, extra) as store:
        store.create_root()
    with _store("x", extra) as store, pytest.raises(WrongUse, match="project"):
        store.create_root()


def test_a_bucket_that_is_not_there_is_told(gcs: dict[str, Any]) -> None:
    with _store("not-there", gcs_connection(gcs)["extra"]) as store:
        for use in (
            lambda: store.stat("/"),
            lambda: store.stat("/f"),
            lambda: list(store.walk("/")),
            lambda: store.put("/f", memoryview(b"1")),
        ):
            with pytest.raises(NotFound):
                use()


def test_a_server_that_is_away_is_told_soon() -> None:
    started = time.monotonic()
    extra = {"is_anonymous": True, "project": "p", "endpoint": f"http://127.0.0.1:{unused_port()}"}
    with _store("b", extra) as store, pytest.raises(StoreUnavailable):
        store.stat("/f")
    assert time.monotonic() - started < 20


def test_content_of_another_crc_is_taken_away_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service refuses it by itself, the emulator does not."""
    from airflow_datamove.errors import VerificationFailed
    from airflow_datamove.stores import gcs_client

    store, top = place
    monkeypatch.setattr(gcs_client, "crc32c", lambda data: 7)
    with pytest.raises(VerificationFailed):
        store.put(f"{top}/f", memoryview(b"1"))
    assert not store.exists(f"{top}/f")
    upload = store.upload(f"{top}/f", size=1, part_size=_MIB, identity="0" * 32)
    with pytest.raises(VerificationFailed):
        upload.put(0, memoryview(b"1"), base64.b64decode("AAAAAA==").hex())
    assert upload.held() == {}
