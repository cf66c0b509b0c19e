"""Parts as objects: what ``PartsContract`` does not say, because it holds for Cloud Storage alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_datamove.errors import StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Attributes
from airflow_datamove.stores.gcs import GcsStore
from airflow_datamove.stores.temporary import named_path, part_path
from tests.stores.contract import Place
from tests.stores.parts import Parts, whole
from tests.stores.places import gcs_place, get


@pytest.fixture
def place(gcs: dict[str, Any]) -> Iterator[Place]:
    with gcs_place(gcs) as place:
        yield place


def test_more_parts_than_one_call_composes(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f", parts=70)
    entry = whole(parts, Attributes(5.0, "text/x", {"owner": "acme"}))
    assert entry == store.stat(parts.path)
    assert entry.checksums["crc32c"] == parts.whole_crc
    assert (entry.modified, entry.content_type, entry.metadata) == (5.0, "text/x", {"owner": "acme"})
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers("/")) == []


def test_parts_of_parts_of_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.stores.gcs_upload._AT_ONCE", 2)
    store, top = place
    parts = Parts(store, f"{top}/f", parts=11)
    whole(parts)
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers("/")) == []


def test_a_part_of_another_length_is_not_held(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    first = parts.begin()
    parts.put(first, (0,))
    for index, data in ((1, b"short"), (2, b"x" * parts.part_size), (7, b"x")):
        store.put(part_path(parts.path, parts.identity, index), memoryview(data))
    store.put(named_path(parts.path, parts.identity, "000002.done"), memoryview(b"x" * 12_345))
    assert dict(parts.begin().held()) == {0: parts.crc(0)}


def test_parts_of_other_bytes_publish_nothing(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    with pytest.raises(VerificationFailed):
        upload.commit("00000000")
    assert not store.exists(parts.path)


def test_an_object_that_another_upload_has_made_is_none_of_this(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    whole(Parts(store, parts.path, seed=2))
    parts.begin().abort()
    with pytest.raises(StoreUnavailable):
        upload.commit(parts.whole_crc)


def test_who_asks_after_a_part_that_was_written_anew_takes_the_new_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service answers a compose of a generation that is gone with 404."""
    from airflow_datamove.errors import NotFound
    from airflow_datamove.stores.gcs_client import BucketClient

    store, top = place
    assert isinstance(store, GcsStore)
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    parts.put(parts.begin(), (1,))
    real, asked = BucketClient.ask, list[list[str]]()

    def strict(self: BucketClient, method: str, where: str, told: str, **more: Any) -> Any:
        if where.endswith("/compose"):
            sources = more["document"]["sourceObjects"]
            asked.append([source["generation"] for source in sources])
            for source in sources:
                if store.stat(f"/{source['name']}").version != source["generation"]:
                    raise NotFound("gone", path=told)
        return real(self, method, where, told, **more)

    monkeypatch.setattr(BucketClient, "ask", strict)
    upload.commit(parts.whole_crc)
    assert len(asked) == 2
    assert [one == two for one, two in zip(*asked, strict=True)] == [True, False, True]
    assert get(store, parts.path) == parts.data


def test_leftovers_are_told_and_taken_away(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/d/f")
    parts.put(parts.begin(), (0, 1))
    left = list(store.leftovers(top))
    assert [entry.path for entry in left] == [part_path(parts.path, parts.identity, index) for index in (0, 1)]
    assert all(entry.modified for entry in left)
    for entry in left:
        store.delete_leftover(entry)
        store.delete_leftover(entry)
    assert list(store.leftovers("/")) == []
