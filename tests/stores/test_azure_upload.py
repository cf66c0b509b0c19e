"""Blocks: what ``PartsContract`` does not say, because it holds for Azure alone."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores import azure_metadata as meta
from airflow_datamove.stores.azure_blob import AzureBlobStore
from airflow_datamove.stores.azure_credential import SharedKey
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import Place
from tests.stores.parts import Parts, whole
from tests.stores.places import azure_place, get


@pytest.fixture
def place(azurite: dict[str, Any]) -> Iterator[Place]:
    with azure_place(azurite) as place:
        yield place


def _blocks(parts: Parts, kind: str) -> list[tuple[str, int]]:
    """The blocks of a blob, by the vendor's client: name and bytes."""
    from azure.core.exceptions import ResourceNotFoundError

    with _vendors(parts) as blob:
        try:
            committed, rest = blob.get_block_list("all")
        except ResourceNotFoundError:
            return []
    return [(block.id, block.size) for block in (committed if kind == "committed" else rest)]


def _vendors(parts: Parts) -> Any:
    from azure.storage.blob import BlobServiceClient

    assert isinstance(parts.store, AzureBlobStore)
    client = parts.store._client
    assert isinstance(client.account.credential, SharedKey)
    key = base64.b64encode(client.account.credential._key).decode()
    credential = {"account_name": client.account.name, "account_key": key}
    service = BlobServiceClient(f"{client.account.url}{client.account.path}", credential=credential)
    return service.get_blob_client(client.container, parts.path[1:])


def test_a_block_of_another_length_or_two_of_one_place_are_not_held(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f", parts=4)
    first = parts.begin()
    parts.put(first, (0, 1, 2))
    short, other = memoryview(b"short"), memoryview(b"x" * parts.part_size)
    client, key = store._client, parts.path[1:]  # type: ignore[attr-defined]

    def spoil(index: int, crc: int, data: memoryview) -> None:
        name = bytes.fromhex(parts.identity) + b"\0" + index.to_bytes(3, "big") + crc.to_bytes(4, "big")
        query = {"comp": "block", "blockid": base64.b64encode(name).decode()}
        client.call("PUT", client.blob(key), parts.path, query=query, body=data)

    spoil(1, 7, other)
    spoil(3, 8, short)
    spoil(9, 9, other)
    assert dict(parts.begin().held()) == {0: parts.crc(0), 2: parts.crc(2)}
    second = parts.begin()
    held = second.held()
    parts.put(second, (index for index in range(4) if index not in held))
    second.commit(parts.whole_crc)
    assert get(store, parts.path) == parts.data


def test_a_part_that_is_broken_on_its_way_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    client = store._client  # type: ignore[attr-defined]
    real = client.call

    def broken(*given: Any, body: memoryview, **rest: Any) -> Any:
        return real(*given, body=bytes(len(body)), **rest)

    monkeypatch.setattr(client, "call", broken)
    with pytest.raises(VerificationFailed):
        parts.put(upload, (0,))
    monkeypatch.undo()
    assert _blocks(parts, "uncommitted") == []


def test_a_crc_of_the_whole_that_is_not_that_of_the_parts_publishes_nothing(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    with pytest.raises(VerificationFailed):
        upload.commit("00000000")
    assert not store.exists(parts.path)


def test_what_is_published_says_its_crc_and_who_made_it_and_neither_is_shown(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    entry = whole(parts)
    with _vendors(parts) as blob:
        properties = blob.get_blob_properties()
        assert properties.metadata == {
            meta.CRC32C: f"{parts.whole_crc}-{len(parts.data)}",
            meta.UPLOAD: parts.identity,
        }
        assert properties.content_settings.content_type == "application/octet-stream"
        # Somebody writes other content over it, and keeps the metadata.
        blob.upload_blob(b"other", overwrite=True, metadata=properties.metadata)
    assert entry.checksums == {"crc32c": parts.whole_crc}
    assert entry.metadata == {}
    assert "crc32c" not in store.stat(parts.path).checksums


def test_an_orphans_late_block_stays_uncommitted(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    orphan, retry = parts.begin(), parts.begin()
    parts.put(orphan, (0,))
    held = retry.held()
    parts.put(retry, (index for index in range(parts.count) if index not in held))
    made = retry.commit(parts.whole_crc)
    parts.put(orphan, (1,))
    assert len(_blocks(parts, "uncommitted")) == 1
    assert len(_blocks(parts, "committed")) == parts.count
    # The orphan goes on to its end: it has lost nothing, and changes nothing.
    parts.put(orphan, (2,))
    assert orphan.commit(parts.whole_crc) == made == store.stat(parts.path)


def test_a_commit_that_another_one_has_overtaken_is_unavailable_if_its_content_is_another(place: Place) -> None:
    store, top = place
    mine, theirs = Parts(store, f"{top}/f"), Parts(store, f"{top}/f", seed=2)
    upload = mine.begin()
    mine.put(upload, range(mine.count))
    whole(theirs)
    with pytest.raises(StoreUnavailable):
        upload.commit(mine.whole_crc)
    assert get(store, theirs.path) == theirs.data
    whole(mine)
    assert get(store, mine.path) == mine.data


def test_a_writer_that_dies_in_the_middle_of_a_block_leaves_none(place: Place) -> None:
    store, top = place
    data = memoryview(bytes(3 * 2**20))
    size, identity = len(data), uuid.uuid4().hex
    crc = f"{crc32c(data):08x}"
    passed: list[int] = []

    def die(count: int) -> None:
        passed.append(count)
        if sum(passed) > 2**20:
            raise KeyboardInterrupt

    upload = store.upload(f"{top}/f", size=size, part_size=size, identity=identity)
    with pytest.raises(KeyboardInterrupt):
        upload.put(0, data, crc, die)
    retry = store.upload(f"{top}/f", size=size, part_size=size, identity=identity)
    assert dict(retry.held()) == {}
    retry.put(0, data, crc)
    assert retry.commit().checksums == {"crc32c": crc}


def test_two_writers_of_one_part_at_once_leave_one_block(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    uploads = [parts.begin() for _ in range(4)]
    threads = [threading.Thread(target=parts.put, args=(upload, [0])) for upload in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(parts.begin().held()) == {0: parts.crc(0)}
    assert len(_blocks(parts, "uncommitted")) == 1


def test_abort_touches_neither_the_blob_that_stands_there_nor_anothers_blocks(place: Place) -> None:
    store, top = place
    old, new = Parts(store, f"{top}/f"), Parts(store, f"{top}/f", seed=2)
    whole(old)
    upload = new.begin()
    new.put(upload, (0,))
    upload.abort()
    assert get(store, old.path) == old.data
    assert dict(new.begin().held()) == {0: new.crc(0)}


def test_another_programs_unfinished_upload_is_told(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    with _vendors(parts) as blob:
        blob.stage_block("short", b"1")
    upload = parts.begin()
    assert dict(upload.held()) == {}
    with pytest.raises(StoreError, match="another program"):
        parts.put(upload, (0,))


def test_parts_in_a_container_that_is_not_there(azurite: dict[str, Any]) -> None:
    written = json.dumps({"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}})
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": written})
    with open_store(Address.parse(f"abfs://x@made-{uuid.uuid4().hex}/"), connections) as store:
        parts = Parts(store, "/f")
        for use in (parts.begin().held, lambda: parts.put(parts.begin(), (0,)), lambda: list(store.leftovers("/"))):
            with pytest.raises(NotFound, match="no such container"):
                use()
        store.create_root()
        store.create_root()
        whole(parts)
        assert get(store, "/f") == parts.data
