from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_datamove.errors import CopyFailed, Refused, StoreError
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.local import _LocalStore
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.mirror import ascending
from airflow_datamove.transfer.options import CopyOptions
from tests.transfer.trees import NOTHING, Tree, destination_of, make, read, run, source_of

MIRROR = CopyOptions(mirror=True)


def test_mirror_deletes_what_the_source_lacks_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1", "d/b": b"2", "empty": None})
    make(tmp_path / "t", {"a": b"1", "old/deep/f": b"3", "d/b": b"2", "gone": None})
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), MIRROR)
    assert read(tmp_path / "t") == read(tmp_path / "s")
    assert report.deleted == 4


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "s", {"empty": None})
    make(tmp_path / "t", {"precious": b"1"})
    with pytest.raises(Refused, match="holds no file"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(mirror=True, max_delete=1.0))
    assert read(tmp_path / "t") == {"precious": b"1"}


@pytest.mark.parametrize("tail", ["/f", "/*"])
def test_a_source_that_is_no_directory_is_refused(tmp_path: Path, tail: str) -> None:
    make(tmp_path / "s", {"f": b"1"})
    with pytest.raises(Refused, match="asks for a directory"):
        run(source_of(tmp_path / "s", tail), destination_of(tmp_path / "t"), MIRROR)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(("share", "refused"), [(0.5, True), (0.66, True), (0.67, False), (1.0, False)])
def test_the_guard_counts_files_of_the_destination(tmp_path: Path, share: float, refused: bool) -> None:
    make(tmp_path / "s", {"a": b"1"})
    make(tmp_path / "t", {"a": b"1", "b": b"2", "c": b"3"})
    options = CopyOptions(mirror=True, max_delete=share)
    if refused:
        with pytest.raises(
            Refused, match=rf"would delete 2 of the destination's 3 files\. Raise max_delete \(now {100 * share:g}%\)"
        ):
            run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
        assert len(read(tmp_path / "t")) == 3
    else:
        assert run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options).deleted == 2


def test_nothing_is_deleted_where_a_file_failed(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1", "gone": b"2"})
    make(tmp_path / "t", {"x": b"1", "y": b"2", "z": b"3"})
    options = CopyOptions(mirror=True, max_delete=1.0)
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options) as prepared:
        os.unlink(tmp_path / "s" / "gone")
        with pytest.raises(CopyFailed):
            prepared.carry_out()
    assert set(read(tmp_path / "t")) == {"a", "x", "y", "z"}


def test_what_stands_where_the_source_has_a_symlink_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    os.symlink("/nowhere", tmp_path / "s" / "link")
    make(tmp_path / "t", {"a": b"1", "link/f": b"2"})
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), MIRROR)
    assert read(tmp_path / "t") == {"a": b"1", "link/f": b"2"}


def test_a_leftover_of_a_killed_try_goes_with_its_directory(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    make(tmp_path / "t", {"a": b"1", "old/.datamove-00000000000000000000000000000000.part": b"half"})
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), MIRROR)
    assert os.listdir(tmp_path / "t") == ["a"]


def test_what_is_too_large_or_too_old_for_the_source_a_mirror_leaves_alone(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    make(tmp_path / "t", {"large": b"x" * 2000, "small": b"2"})
    options = CopyOptions(mirror=True, max_delete=1.0, filters=Filters(max_size=1000))
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert set(read(tmp_path / "t")) == {"a", "large"}


@pytest.mark.parametrize("unsorted", ["s", "t"])
@pytest.mark.parametrize("directory", ["", "/d"])
def test_a_store_that_lists_in_no_order_is_noticed_before_anything_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unsorted: str, directory: str
) -> None:
    really = _LocalStore.list

    def listed(self: _LocalStore, path: str) -> Iterator[Entry]:
        found = list(really(self, path))
        return iter(found[::-1] if path == f"{tmp_path}/{unsorted}{directory}" else found)

    monkeypatch.setattr(_LocalStore, "list", listed)
    tree: Tree = {"a": b"1", "b": b"2", "d/a": b"3", "d/b": b"4"}
    for top in ("s", "t"):
        make(tmp_path / top, tree)
    with pytest.raises(StoreError, match="not sorted"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(mirror=True, max_delete=1.0))
    assert read(tmp_path / "t") == tree
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))


def test_names_in_order_pass_and_one_may_be_a_file_and_a_directory() -> None:
    entries = [
        Entry("/a", Kind.FILE),
        Entry("/a", Kind.DIRECTORY),
        Entry("/a-b", Kind.FILE),
        Entry("/\ue000", Kind.FILE),
    ]
    assert list(ascending(iter(entries))) == entries
