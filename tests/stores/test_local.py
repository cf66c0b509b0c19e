from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, PathConflict, PermissionDenied, SourceChanged, StoreError
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.local import _translated
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import Place, StoreContract
from tests.stores.parts import Parts
from tests.stores.parts_contract import PartsContract
from tests.stores.places import get, put


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_store(Address.parse("file:///"), EnvironmentConnections({})) as store:
        yield store, str(tmp_path)


class TestLocal(StoreContract, PartsContract):
    def everything(self, store: Store, top: str) -> list[str]:
        return sorted(os.listdir(top))

    def test_a_commit_after_that_of_another_try_is_as_good(self, place: Place) -> None:
        """The first holds the lock, so the second has files of its own, and must bring all parts."""
        store, top = place
        parts = Parts(store, f"{top}/f")
        first, second = parts.begin(), parts.begin()
        for upload in (first, second):
            assert dict(upload.held()) == {}
            parts.put(upload, range(parts.count))
        for upload in (first, second):
            assert upload.commit(parts.whole_crc) == store.stat(parts.path)
            upload.close()
        assert get(store, parts.path) == parts.data
        assert self.everything(store, top) == ["f"]


def test_symlinks_and_pipes_are_special_and_never_followed(place: Place) -> None:
    store, top = place
    put(store, f"{top}/real/secret", b"secret")
    os.symlink(f"{top}/real", f"{top}/to-directory")
    os.symlink(f"{top}/real/secret", f"{top}/to-file")
    os.symlink(f"{top}/nowhere", f"{top}/broken")
    os.mkfifo(f"{top}/pipe")
    kinds = {entry.name: entry.kind for entry in store.list(top)}
    special = dict.fromkeys(["broken", "pipe", "to-directory", "to-file"], Kind.SPECIAL)
    assert kinds == {"real": Kind.DIRECTORY, **special}
    assert len(list(store.walk(top))) == 6
    for name in special:
        with pytest.raises(NotFound):
            get(store, f"{top}/{name}")
    with pytest.raises(NotFound):
        list(store.list(f"{top}/to-directory"))


def test_writing_where_a_symlink_stands_replaces_the_link_and_not_what_it_points_to(place: Place) -> None:
    store, top = place
    put(store, f"{top}/precious", b"precious")
    os.symlink(f"{top}/precious", f"{top}/link")
    put(store, f"{top}/link", b"new")
    assert get(store, f"{top}/precious") == b"precious"
    assert get(store, f"{top}/link") == b"new"


def test_deleting_a_symlink_leaves_what_it_points_to(place: Place) -> None:
    store, top = place
    put(store, f"{top}/d/f", b"1")
    os.symlink(f"{top}/d", f"{top}/link")
    store.delete(f"{top}/link")
    assert get(store, f"{top}/d/f") == b"1"
    assert not store.exists(f"{top}/link")


def test_a_file_that_grows_while_it_is_read_is_source_changed(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1234", modified=1)
    with store.open(f"{top}/f", version=store.stat(f"{top}/f").version) as reader:
        assert reader.read(4) == b"1234"
        with open(f"{top}/f", "ab") as file:
            file.write(b"5")
        reader.read(4)
        with pytest.raises(SourceChanged):
            reader.read(4)


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(place: Place) -> None:
    """A limit on the size of files stands for the disk: the kernel refuses the write half-way in the same manner."""
    store, top = place
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    try:
        with pytest.raises(StoreError, match="too large"), store.create(f"{top}/f", size=2**20) as writer:
            writer.write(b"x" * 2**20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(top) == []


def test_the_words_for_a_full_disk() -> None:
    error = _translated(OSError(errno.ENOSPC, "No space left on device"), "/srv/f")
    assert str(error) == "/srv/f: the disk is full. Make room, then try again"
    assert isinstance(_translated(OSError(errno.EACCES, "Permission denied"), "/f"), PermissionDenied)


def test_a_name_that_the_disk_cannot_hold_is_refused(place: Place) -> None:
    store, top = place
    with pytest.raises(NotSupported, match="too long"):
        put(store, f"{top}/{'x' * 300}", b"1")
    assert os.listdir(top) == []


def test_a_name_of_the_longest_length_is_written(place: Place) -> None:
    store, top = place
    put(store, f"{top}/{'x' * 255}", b"1")
    assert os.listdir(top) == ["x" * 255]


def test_a_directory_where_the_file_should_be_stays(place: Place) -> None:
    store, top = place
    store.make_directory(f"{top}/f")
    with pytest.raises((StoreError, PathConflict)):
        put(store, f"{top}/f", b"1")
    assert os.listdir(top) == ["f"]
