"""``publish: together``: nobody sees any file before all are staged, and the marker comes last."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_datamove.errors import CopyFailed, VerificationFailed, WrongUse
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.transfer import run
from airflow_datamove.transfer.copy import copy, prepare_copy
from airflow_datamove.transfer.options import MARKER, CopyOptions, Publish
from airflow_datamove.transfer.together import StagedFile, publish_staged
from tests.faults.proxy import Way, proxying
from tests.transfer.ends import End, Ends, start_copy, until
from tests.transfer.trees import NOTHING, Tree, destination_of, make, read, source_of

KIB, MIB = 2**10, 2**20
TOGETHER = CopyOptions(publish=Publish.TOGETHER, part_size=256 * KIB, threads=4)
TREE: Tree = {
    **{f"d{number % 3}/f{number}": random.Random(number).randbytes(40_000) for number in range(12)},
    "large": random.Random(77).randbytes(MIB + 5),
    "zero": b"",
    "d0/zero": b"",
    "empty/inner": None,
}
SCHEMES = ["file", "abfs"]


def _files(tree: Tree) -> dict[str, bytes]:
    return {name: content for name, content in tree.items() if content is not None}


class _Watcher:
    """Looks again and again what is seen."""

    def __init__(self, end: End) -> None:
        self.seen: list[set[str]] = []
        self._end, self._over = end, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        with self._end.opened() as store:
            while not self._over.is_set():
                self.seen.append(_seen(store, self._end.at("t").path))

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._thread.start()
        until(lambda: bool(self.seen))
        try:
            yield
        finally:
            self._over.set()
            self._thread.join(20)


def _seen(store: Store, top: str) -> set[str]:
    if not store.exists(top):
        return set()
    return {entry.path[len(top) + 1 :] for entry in store.walk(top) if entry.kind is Kind.FILE}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_sees_a_file_before_all_are_staged_and_the_marker_comes_last(
    tmp_path: Path, ends: Ends, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = ends(scheme)
    make(tmp_path / "s", TREE)
    watcher = _Watcher(end)
    really = publish_staged
    before: list[set[str]] = []

    def slowly(*what: object) -> object:
        if not before:
            before.append(set.union(*watcher.seen))
        time.sleep(0.02)
        return really(*what)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "publish_staged", slowly)
    with watcher.watching():
        report = copy(source_of(tmp_path / "s"), end.at("t"), end.connections, TOGETHER)
        time.sleep(0.1)
    assert before[0] == set()
    assert (report.files, report.failed) == (15, 0)
    whole = set(_files(TREE)) | {MARKER}
    assert any(0 < len(seen) < len(whole) - 1 for seen in watcher.seen), "the watcher saw nothing in between"
    assert all(seen == whole for seen in watcher.seen if MARKER in seen)
    assert end.read("t") == {**TREE, MARKER: b""}
    assert end.debris() == []
    again = copy(source_of(tmp_path / "s"), end.at("t"), end.connections, TOGETHER)
    assert (again.files, again.skipped) == (0, 15)


def test_a_stale_marker_is_gone_before_anything_new_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "s", {"a": b"new", "b": b"1"})
    make(tmp_path / "t", {"a": b"older", MARKER: b""}, modified=1_000_000_000)
    really = publish_staged
    markers: list[bool] = []

    def look(*what: object) -> object:
        markers.append((tmp_path / "t" / MARKER).exists())
        return really(*what)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "publish_staged", look)
    copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, TOGETHER)
    assert markers == [False, False]
    assert read(tmp_path / "t") == {"a": b"new", "b": b"1", MARKER: b""}


def test_markers_that_the_source_holds_come_after_all_else_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "s", {MARKER: b"of a job", f"a/{MARKER}": b"", "a/f": b"1", "z": b"2", "b/f": b"3"})
    really = publish_staged
    order: list[str] = []

    def look(passage: object, staged: StagedFile) -> object:
        order.append(staged.item.relative)
        return really(passage, staged)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "publish_staged", look)
    options = CopyOptions(publish=Publish.TOGETHER, threads=1)
    copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options)
    assert order[-2:] == [f"a/{MARKER}", MARKER]
    assert sorted(order[:-2]) == ["a/f", "b/f", "z"]
    assert read(tmp_path / "t") == read(tmp_path / "s")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_failure_while_files_are_staged_publishes_nothing(tmp_path: Path, ends: Ends, scheme: str) -> None:
    end = ends(scheme)
    make(tmp_path / "s", {**TREE, "gone": b"x"})
    with prepare_copy(source_of(tmp_path / "s"), end.at("t"), end.connections, TOGETHER) as prepared:
        os.unlink(tmp_path / "s" / "gone")
        with pytest.raises(CopyFailed, match="1 of 16 files failed"):
            prepared.carry_out()
    assert _files(end.read("t")) == {}
    report = copy(source_of(tmp_path / "s"), end.at("t"), end.connections, TOGETHER)
    assert report.files == 15
    assert report.resumed == sum(map(len, _files(TREE).values())), "what was staged has been moved again"
    assert end.read("t") == {**TREE, MARKER: b""}
    assert end.debris() == []


def test_a_failure_while_files_are_published_leaves_no_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "s", TREE)
    really = publish_staged

    def fail(passage: object, staged: StagedFile) -> object:
        if staged.item.relative == "large":
            raise VerificationFailed("large came out wrong")
        return really(passage, staged)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(run, "publish_staged", fail)
        with pytest.raises(CopyFailed, match="large came out wrong"):
            copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, TOGETHER)
    assert not (tmp_path / "t" / MARKER).exists()
    copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, TOGETHER)
    assert read(tmp_path / "t") == {**TREE, MARKER: b""}
    assert list((tmp_path / "t").rglob(".datamove-*")) == []


def test_after_a_kill_while_files_are_staged_the_next_attempt_goes_on(tmp_path: Path, ends: Ends) -> None:
    end = ends("abfs")
    make(tmp_path / "s", {f"f{number}": os.urandom(MIB) for number in range(8)})
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        how = ("--publish", "together", "--part-size", "256KiB", "--threads", "2")
        copying = start_copy(source_of(tmp_path / "s"), end.at("t"), near.environment, *how, "--rate", "6MiB/s")
        until(lambda: proxy.total.up > 5 * MIB, copying=copying)
        copying.kill()
        assert proxy.most_within(60, Way.UP) > 5 * MIB
    assert end.read("t") == {}
    report = copy(source_of(tmp_path / "s"), end.at("t"), end.connections, TOGETHER)
    assert report.resumed >= 4 * MIB
    assert end.read("t") == {**read(tmp_path / "s"), MARKER: b""}


def test_no_marker_where_none_is_wanted_and_none_for_a_single_file(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    copy(
        source_of(tmp_path / "s"),
        destination_of(tmp_path / "t"),
        NOTHING,
        CopyOptions(publish=Publish.TOGETHER, marker=""),
    )
    copy(source_of(tmp_path / "s" / "a"), destination_of(tmp_path / "u" / "a"), NOTHING, TOGETHER)
    assert read(tmp_path / "t") == read(tmp_path / "u") == {"a": b"1"}


def test_deleting_is_no_single_act_so_a_mirror_cannot_be_published_together() -> None:
    with pytest.raises(WrongUse, match="do not go together"):
        CopyOptions(mirror=True, publish=Publish.TOGETHER)


def test_the_sources_own_marker_keeps_its_content_when_only_other_files_have_changed(tmp_path: Path) -> None:
    make(tmp_path / "s", {"_SUCCESS": b"what the job wrote", "a": b"1"})
    options = CopyOptions(publish=Publish.TOGETHER)
    for content in (b"1", b"another"):
        make(tmp_path / "s", {"a": content})
        copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options)
        assert read(tmp_path / "t") == {"_SUCCESS": b"what the job wrote", "a": content}


def test_a_whole_directory_and_an_error_budget_do_not_go_together() -> None:
    with pytest.raises(WrongUse, match="a directory is whole or it is not"):
        CopyOptions(publish=Publish.TOGETHER, error_budget=1)


def test_an_empty_directory_is_not_seen_before_all_is_published(tmp_path: Path) -> None:
    make(tmp_path / "s", {"empty": None, "d/gone": b"1"})
    destination, options = destination_of(tmp_path / "t"), CopyOptions(publish=Publish.TOGETHER)
    with prepare_copy(source_of(tmp_path / "s"), destination, NOTHING, options) as prepared:
        (tmp_path / "s" / "d" / "gone").unlink()
        with pytest.raises(CopyFailed):
            prepared.carry_out()
    assert not (tmp_path / "t" / "empty").exists()
    copy(source_of(tmp_path / "s"), destination, NOTHING, options)
    assert read(tmp_path / "t") == {"empty": None, "d": None, MARKER: b""}
