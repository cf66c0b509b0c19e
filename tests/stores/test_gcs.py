from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import unused_port
from tests.stores.places import gcs_place, get, put


@pytest.fixture
def place(gcs: dict[str, Any]) -> Iterator[Place]:
    with gcs_place(gcs) as place:
        yield place


class TestGcs(StoreContract):
    """fake-gcs-server takes any credential: what a wrong one meets cannot be tried here."""

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
            lambda path: store.copy_within(path, "/there"),
            lambda path: store.copy_within("/here", path),
            lambda path: list(store.list(path)),
            lambda path: list(store.walk(path)),
        ):
            with pytest.raises(NotSupported, match="cannot hold"):
                use(f"/{name}")


def test_a_copy_within_the_bucket_keeps_content_and_time(place: Place) -> None:
    store, _ = place
    put(store, "/a b", b"content", modified=1_000_000_000)
    made = store.copy_within("/a b", "/c/d")
    assert made == store.stat("/c/d")
    assert made.modified == 1_000_000_000
    assert made.checksums == store.stat("/a b").checksums
    assert get(store, "/c/d") == b"content"


def test_content_of_whole_parts_is_finished(place: Place) -> None:
    store, _ = place
    put(store, "/f", b"x" * (16 * 2**20))
    assert store.stat("/f").size == 16 * 2**20


def test_a_bucket_that_is_not_there_is_told(gcs: dict[str, Any]) -> None:
    with _store("not-there", gcs_connection(gcs)["extra"]) as store, pytest.raises(NotFound, match="no such bucket"):
        store.stat("/")


def test_a_server_that_is_away_is_told_soon() -> None:
    started = time.monotonic()
    extra = {"is_anonymous": True, "project": "p", "endpoint": f"http://127.0.0.1:{unused_port()}"}
    with _store("b", extra) as store, pytest.raises(StoreUnavailable):
        store.stat("/f")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("keyfile", ['{"private_key": "c2VjcmV0"}', "c2VjcmV0", {"private_key": "c2VjcmV0"}])
def test_a_key_that_is_none_is_wrong_use_and_not_shown(keyfile: object) -> None:
    with pytest.raises(WrongUse, match="cannot be used") as caught:
        _store("b", {"keyfile_dict": keyfile})
    assert "c2VjcmV0" not in str(caught.value)
