from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, PermissionDenied, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import Place, StoreContract
from tests.stores.dead_server import unused_port
from tests.stores.parts_contract import PartsContract
from tests.stores.places import azure_place, get, make_container, put

# A key of the right form that opens nothing.
WRONG_KEY = "d3JvbmcgYnV0IHdlbGwtZm9ybWVkIGtleSBvZiBub3RoaW5nIGF0IGFsbCE="


@pytest.fixture
def place(azurite: dict[str, Any]) -> Iterator[Place]:
    with azure_place(azurite) as place:
        yield place


class TestAzureBlob(StoreContract, PartsContract):
    impossible_names = frozenset({"back\\slash"})


def _store(container: str, **fields: Any) -> Store:
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps({"conn_type": "wasb", **fields})})
    return open_store(Address.parse(f"abfs://x@{container}/"), connections)


def test_markers_of_other_tools_are_directories_and_hidden(azurite: dict[str, Any]) -> None:
    from azure.storage.blob import BlobServiceClient

    name = make_container(azurite)
    with (
        BlobServiceClient.from_connection_string(azurite["connection_string"]) as service,
        _store(name, extra={"connection_string": azurite["connection_string"]}) as store,
    ):
        container = service.get_container_client(name)
        container.upload_blob("one/", b"")
        container.upload_blob("two", b"", metadata={"hdi_isfolder": "true"})
        container.upload_blob("three", b"", metadata={"Hdi_IsFolder": "True"})
        container.upload_blob("two/f", b"1")
        container.upload_blob("meta", b"1", metadata={"Owner": "acme", "hdi_permission": "x"})
        _check_markers(store)


def _check_markers(store: Store) -> None:
    found = [(entry.path, entry.kind) for entry in store.walk("/")]
    directories = [(path, Kind.DIRECTORY) for path in ("/one", "/three", "/two")]
    assert sorted(found) == [("/meta", Kind.FILE), *directories, ("/two/f", Kind.FILE)]
    assert [entry.name for entry in store.list("/")] == ["meta", "one", "three", "two"]
    assert all(store.stat(path).kind is Kind.DIRECTORY for path, _ in directories)
    assert store.stat("/meta").metadata == {"owner": "acme"}
    assert {entry.name: entry.metadata for entry in store.list("/")}["meta"] == {"owner": "acme"}
    for path, _ in directories:
        with pytest.raises(NotFound):
            get(store, path)
    store.delete("/one")
    assert [entry.name for entry in store.list("/")] == ["meta", "three", "two"]


def test_a_key_beside_its_own_prefix_is_both(place: Place) -> None:
    store, _ = place
    put(store, "/a", b"1")
    put(store, "/a/b", b"2")
    assert store.stat("/a").kind is Kind.FILE
    assert store.is_both("/a")
    assert not store.is_both("/a/b")
    assert [(entry.name, entry.kind) for entry in store.list("/")] == [("a", Kind.DIRECTORY), ("a", Kind.FILE)]
    assert [entry.name for entry in store.list("/a")] == ["b"]


def test_one_piece_keeps_an_md5_and_parts_a_crc32c(place: Place) -> None:
    store, _ = place
    put(store, "/f", b"x" * 1000)
    assert store.stat("/f").checksums == {"md5": hashlib.md5(b"x" * 1000).hexdigest()}
    data = b"x" * (9 * 2**20)
    put(store, "/f", data)
    assert store.stat("/f").checksums == {"crc32c": f"{crc32c(data):08x}"}
    assert {entry.name: entry.checksums for entry in store.list("/")}["f"] == {"crc32c": f"{crc32c(data):08x}"}


@pytest.mark.parametrize("name", ["dot.", "d./f", "bell\x07", "cr\rlf"])
def test_a_name_that_azure_would_change_is_refused(place: Place, name: str) -> None:
    store, _ = place
    with pytest.raises(NotSupported):
        put(store, f"/{name}", b"1")
    assert list(store.walk("/")) == []


@pytest.mark.parametrize("name", ["mine/..\\..\\other/secret", "other/secret.", "other./secret", "other/sec\x07ret"])
def test_a_name_that_azure_would_change_is_never_asked_after(name: str) -> None:
    """Azurite keeps such names apart; Azure itself would read, list and delete what another prefix holds."""
    host = f"http://127.0.0.1:{unused_port()}/account"
    with _store("c", login="account", password=WRONG_KEY, host=host) as store:
        for use in (
            store.stat,
            store.open,
            store.delete,
            store.is_both,
            store.exists,
            store.make_directory,
            lambda path: store.open(path, length=0),
            lambda path: store.create(path, size=1),
            lambda path: list(store.list(path)),
            lambda path: list(store.walk(path)),
        ):
            with pytest.raises(NotSupported, match="cannot hold"):
                use(f"/{name}")


def test_login_and_password_are_account_and_key(azurite: dict[str, Any]) -> None:
    container = make_container(azurite)
    with _store(container, login=azurite["account"], password=azurite["key"], host=azurite["blob"]) as store:
        put(store, "/f", b"1")
        assert get(store, "/f") == b"1"


def test_a_sas_of_the_extra_opens_the_account(azurite: dict[str, Any]) -> None:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    container = make_container(azurite)
    sas = generate_account_sas(
        azurite["account"],
        azurite["key"],
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, list=True, create=True, delete=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    extra = {"extra__wasb__sas_token": sas}
    with _store(container, host=azurite["blob"], extra=extra) as store:
        put(store, "/f", b"1")
        assert [entry.name for entry in store.list("/")] == ["f"]


def test_a_wrong_key_is_denied_and_not_shown(azurite: dict[str, Any]) -> None:
    container = make_container(azurite)
    with _store(container, login=azurite["account"], password=WRONG_KEY, host=azurite["blob"]) as store:
        for use in (lambda: store.stat("/f"), lambda: put(store, "/f", b"1"), lambda: list(store.walk("/"))):
            with pytest.raises(PermissionDenied) as caught:
                use()
            assert WRONG_KEY not in str(caught.value)


def test_a_container_that_is_not_there_is_told(azurite: dict[str, Any]) -> None:
    with _store("not-there", extra={"connection_string": azurite["connection_string"]}) as store:
        with pytest.raises(NotFound, match="no such container"):
            store.stat("/")
        with pytest.raises(NotFound, match="no such container"):
            put(store, "/f", b"1")


def test_a_server_that_is_away_is_told_soon() -> None:
    started = time.monotonic()
    host = f"http://127.0.0.1:{unused_port()}/account"
    with (
        _store("c", login="account", password=WRONG_KEY, host=host) as store,
        pytest.raises(StoreUnavailable) as caught,
    ):
        store.stat("/f")
    assert time.monotonic() - started < 20
    assert WRONG_KEY not in str(caught.value)


@pytest.mark.parametrize("extra", [{"connection_string": "AccountKey=c2VjcmV0"}, {"connection_string": "secret"}])
def test_a_connection_that_cannot_be_used_is_wrong_use_and_not_shown(extra: dict[str, str]) -> None:
    with pytest.raises(WrongUse, match="cannot be used") as caught:
        _store("c", extra=extra)
    assert "c2VjcmV0" not in str(caught.value)
    assert "secret" not in str(caught.value)
