"""Parts as files: what ``PartsContract`` does not say, because it holds for HDFS alone. Above all, that a try may die
between any two calls."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_datamove.errors import DatamoveError, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Store
from airflow_datamove.stores.hdfs import HdfsStore
from airflow_datamove.stores.hdfs_upload import _batches
from airflow_datamove.stores.temporary import named_path, part_path
from airflow_datamove.stores.webhdfs import WebHdfs
from tests.stores.contract import Place
from tests.stores.parts import Parts, whole
from tests.stores.places import get, hdfs_place


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


class Killed(BaseException):
    """What ends a try at once, as a signal does."""


def _dying(patch: pytest.MonkeyPatch, after: int, *, done: bool) -> None:
    """Lets the calls of a commit be carried out up to some number, and kills it before or after the next one."""
    real, count = WebHdfs.call, [0]

    def call(self: WebHdfs, method: str, operation: str, *given: Any, **more: Any) -> Any:
        if count[0] > after:
            raise Killed
        if method == "GET":
            return real(self, method, operation, *given, **more)
        count[0] += 1
        if count[0] <= after:
            return real(self, method, operation, *given, **more)
        if done:
            real(self, method, operation, *given, **more)
        raise Killed

    patch.setattr(WebHdfs, "call", call)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("after", range(8))
def test_a_commit_that_dies_is_taken_up_by_the_next_try(
    place: Place, monkeypatch: pytest.MonkeyPatch, after: int, done: bool
) -> None:
    # Two parts at a time: rename, two concatenations, attribute, time, rename, then what clears up.
    monkeypatch.setattr("airflow_datamove.stores.hdfs_upload._MOST_SOURCES", 250)
    store, top = place
    parts = Parts(store, f"{top}/f", parts=5)
    attributes = Attributes(1_500_000_000)
    first = parts.begin(attributes)
    parts.put(first, range(parts.count))
    with monkeypatch.context() as patch:
        _dying(patch, after, done=done)
        try:
            first.commit(parts.whole_crc)
        except Killed:
            pass
        else:
            assert after >= 6
    if store.exists(parts.path):
        assert get(store, parts.path) == parts.data
    second = parts.begin(attributes)
    held = second.held()
    assert store.exists(parts.path) or set(held) == set(range(parts.count))
    if held:
        made = second.commit(parts.whole_crc)
        assert made == store.stat(parts.path)
    second.close()
    assert get(store, parts.path) == parts.data
    assert store.stat(parts.path).modified == 1_500_000_000
    assert list(store.leftovers(top)) == []


def test_a_late_part_of_an_orphan_is_not_put_in_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.stores.hdfs_upload._MOST_SOURCES", 250)
    store, top = place
    parts = Parts(store, f"{top}/f", parts=5)
    first = parts.begin()
    parts.put(first, range(parts.count))
    with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
        _dying(patch, 2, done=True)
        first.commit(parts.whole_crc)
    orphan = parts.begin()
    parts.put(orphan, (0, 1, 3))
    second = parts.begin()
    assert set(second.held()) == set(range(parts.count))
    second.commit(parts.whole_crc)
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers(top)) == []


def test_who_lost_its_beginning_waits_for_who_has_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    first, second = parts.begin(), parts.begin()
    parts.put(first, range(parts.count))
    real = WebHdfs.call

    def call(self: WebHdfs, method: str, operation: str, *given: Any, **more: Any) -> Any:
        if operation == "SETXATTR":
            monkeypatch.setattr(WebHdfs, "call", real)
            second.commit(parts.whole_crc)
        return real(self, method, operation, *given, **more)

    monkeypatch.setattr(WebHdfs, "call", call)
    assert first.commit(parts.whole_crc) == store.stat(parts.path)
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers(top)) == []


@pytest.mark.parametrize("refused", [1, 2])
def test_a_cluster_that_does_not_concatenate(place: Place, monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    """As in an encryption zone, or where a snapshot holds a part."""
    monkeypatch.setattr("airflow_datamove.stores.hdfs_upload._MOST_SOURCES", 250)
    store, top = place
    parts = Parts(store, f"{top}/f", parts=5)
    real, count = WebHdfs.call, [0]

    def call(self: WebHdfs, method: str, operation: str, *given: Any, **more: Any) -> Any:
        if operation == "CONCAT":
            count[0] += 1
            if count[0] >= refused:
                raise StoreError("the source file is in snapshot")
        return real(self, method, operation, *given, **more)

    monkeypatch.setattr(WebHdfs, "call", call)
    made = whole(parts, Attributes(5.0))
    assert made == store.stat(parts.path)
    assert made.modified == 5.0
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers(top)) == []
    other = Parts(store, f"{top}/g")
    upload = other.begin()
    other.put(upload, range(other.count))
    with pytest.raises(VerificationFailed):
        upload.commit("00000000")
    assert not store.exists(other.path)


def test_a_real_snapshot_keeps_no_part_from_being_used(hadoop: dict[str, Any], place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    _admin(hadoop, "-allowSnapshot", top)
    url = f"{hadoop['webhdfs']}/webhdfs/v1{top}"
    requests.put(f"{url}?op=CREATESNAPSHOT&snapshotname=s&user.name=root", timeout=10).raise_for_status()
    try:
        upload.commit(parts.whole_crc)
        assert get(store, parts.path) == parts.data
        assert list(store.leftovers(top)) == []
    finally:
        requests.delete(f"{url}?op=DELETESNAPSHOT&snapshotname=s&user.name=root", timeout=10).raise_for_status()


def _admin(hadoop: dict[str, Any], *arguments: str) -> None:
    command = [hadoop["command"], "org.apache.hadoop.hdfs.tools.DFSAdmin", *arguments]
    subprocess.run(command, capture_output=True, timeout=60, check=True)


def test_a_part_of_another_length_is_not_held(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    parts.put(parts.begin(), (0,))
    for index, data in ((1, b"short"), (2, b"x" * parts.part_size), (7, b"x")):
        store.put(part_path(parts.path, parts.identity, index), memoryview(data))
    store.put(named_path(parts.path, parts.identity, "000001.upload"), memoryview(b"x" * 100))
    assert dict(parts.begin().held()) == {0: None}


def test_what_a_killed_try_was_writing_goes_with_the_upload(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    store.put(named_path(parts.path, parts.identity, "123456.done"), memoryview(b"half"))
    assert dict(parts.begin().held()) == {}
    whole(parts)
    assert list(store.leftovers(top)) == []


def test_a_part_that_is_cleared_away_while_it_is_written_can_be_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    real, ended = WebHdfs.write, list[bool]()

    def write(self: WebHdfs, *given: Any) -> None:
        real(self, *given)
        if not ended:
            ended.append(True)
            whole(parts)

    monkeypatch.setattr(WebHdfs, "write", write)
    upload = parts.begin()
    with pytest.raises(StoreUnavailable):
        parts.put(upload, (0,))
    assert upload.commit(parts.whole_crc) == store.stat(parts.path)
    assert list(store.leftovers(top)) == []


def test_a_file_that_another_upload_has_made_is_none_of_this(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    whole(Parts(store, parts.path, seed=2))
    parts.begin().abort()
    with pytest.raises(StoreUnavailable):
        upload.commit(parts.whole_crc)


def test_a_folder_with_commas_has_its_parts_above_it(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/a,b/c/f")
    upload = parts.begin()
    parts.put(upload, range(parts.count))
    assert {entry.path.rpartition("/")[0] for entry in store.leftovers(top)} == {top}
    assert not store.exists(f"{top}/a,b")
    upload.commit(parts.whole_crc)
    assert get(store, parts.path) == parts.data
    assert list(store.leftovers(top)) == []


def test_leftovers_are_told_and_taken_away(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/d/f")
    parts.put(parts.begin(), (0, 1))
    left = list(store.leftovers(top))
    assert sorted(entry.path for entry in left) == [part_path(parts.path, parts.identity, index) for index in (0, 1)]
    for entry in left:
        store.delete_leftover(entry)
        store.delete_leftover(entry)
    assert list(store.leftovers(top)) == []


def test_what_is_interrupted_fails_at_once(hadoop: dict[str, Any]) -> None:
    with hdfs_place(hadoop) as (store, top):
        other: Store = HdfsStore(WebHdfs(store._web._login))  # type: ignore[attr-defined]

        def stop(count: int) -> None:
            other.interrupt()

        with pytest.raises(DatamoveError):
            other.put(f"{top}/f", memoryview(bytes(2**20)), pace=stop)
        assert not store.exists(f"{top}/f")


def test_batches_hold_as_much_as_a_request_may_name() -> None:
    paths = [f"/d/.datamove-{number:032x}.{number:06d}.part" for number in range(3000)]
    found = list(_batches(paths))
    assert [path for batch in found for path in batch] == paths
    assert all(sum(len(path) + 3 for path in batch) <= 2**15 + 3 * 2 * len(batch) for batch in found)
    assert len(found) < 8
