"""The comparison against a model of it: everything listed into dictionaries, and the path rule applied to each path."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import NotFound, PathConflict, Refused
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.filters import Filters, Selection
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from tests.transfer.trees import NOTHING, Tree, destination_of, make, read, run, source_of

NAMES = st.sampled_from(["a", "b", "a-b", "a.b", "ab", "é", " ", ".h", "B"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(st.none(), st.sampled_from([b"", b"1", b"22"]))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree that a disk can hold: no file above another thing."""
    found: Tree = {}
    for path, content in draw(st.dictionaries(PATHS, CONTENTS, max_size=10)).items():
        above = [path.rsplit("/", count)[0] for count in range(1, path.count("/") + 1)]
        if any(found.get(each, b"") is not None and each in found for each in above):
            continue
        if content is not None and any(other.startswith(f"{path}/") for other in found):
            continue
        found[path] = content
    return found


def _files(tree: Tree) -> dict[str, bytes]:
    return {path: content for path, content in tree.items() if content is not None}


def _directories(tree: Tree) -> set[str]:
    found = {path for path, content in tree.items() if content is None}
    for path in tree:
        while "/" in path:
            path = path.rpartition("/")[0]
            found.add(path)
    return found


@settings(max_examples=150, deadline=None)
@given(trees(), trees(), st.sampled_from(list(Overwrite)), st.booleans())
def test_a_plan_is_what_the_path_rule_says(ours: Tree, theirs: Tree, overwrite: Overwrite, mirror: bool) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        make(top / "s", ours, modified=1_000_000_000)
        make(top / "t", theirs, modified=2_000_000_000)
        options = CopyOptions(overwrite, mirror=mirror, max_delete=1.0)
        new, old = _files(ours), _files(theirs)
        expected_conflicts = {path for path in new if path in _directories(theirs)}
        expected_conflicts |= {path for path in _directories(ours) if path in old}
        if mirror and not new and not expected_conflicts:
            with pytest.raises(Refused, match="holds no file"):
                _plan(top, options)
            return
        with prepare_copy(source_of(top / "s"), destination_of(top / "t"), NOTHING, options) as prepared:
            plan = prepared.plan
            conflicts = {each.split(" is ")[0].removeprefix(f"{top}/t/") for each in plan.conflicts}
            assert conflicts == expected_conflicts - {
                path for path in expected_conflicts if any(path.startswith(f"{each}/") for each in conflicts)
            }
            if conflicts:
                with pytest.raises(PathConflict):
                    prepared.carry_out()
                assert read(top / "t") == read(make(top / "u", theirs))
                return
            kept = {
                path
                for path in new
                if path in old
                and (
                    overwrite is Overwrite.NEVER
                    or (overwrite is Overwrite.IF_CHANGED and len(new[path]) == len(old[path]))
                )
            }
            assert {item.relative for item in plan.copies} == set(new) - kept
            assert (plan.files, plan.bytes, plan.skipped) == (len(new), sum(map(len, new.values())), len(kept))
            assert plan.directories == len(_directories(ours))
            wanted = set(new) | _directories(ours)
            gone = {each.path.removeprefix(f"{top}/t/") for each in plan.deletes}
            assert gone == ((set(old) | _directories(theirs)) - wanted if mirror else set())
            prepared.carry_out()
        if mirror:
            assert set(_files(read(top / "t"))) == set(new)
            assert _directories(read(top / "t")) == _directories(ours)
        else:
            assert set(_files(read(top / "t"))) == set(new) | set(old)
            assert _directories(read(top / "t")) == _directories(ours) | _directories(theirs)
        for path, content in new.items():
            assert (top / "t" / path).read_bytes() == (old[path] if path in kept else content)
    finally:
        shutil.rmtree(top)


@settings(max_examples=100, deadline=None)
@given(trees(), st.lists(st.sampled_from(["a", "a*", "a/b", "a/**", "**/b", "B", ".*", "a/*/b", "{a,b}"]), max_size=2),
       st.lists(st.sampled_from(["a", "*b", "a/b", "é", "**/a"]), max_size=2))  # fmt: skip
def test_filters_pick_the_same_files_however_the_tree_is_gone_through(
    ours: Tree, include: list[str], exclude: list[str]
) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        make(top / "s", ours)
        filters = Filters(include=tuple(include), exclude=tuple(exclude))
        selection = Selection(filters)
        expected = {path for path in _files(ours) if selection.names(path)}
        for there in ({}, {path: b"old" for path in list(_files(ours))[:2]}):
            shutil.rmtree(top / "t", ignore_errors=True)
            if there:
                make(top / "t", there)  # type: ignore[arg-type]
            options = CopyOptions(Overwrite.ALWAYS, filters=filters)
            with prepare_copy(source_of(top / "s"), destination_of(top / "t"), NOTHING, options) as prepared:
                assert {item.relative for item in prepared.plan.copies} == expected
                assert prepared.plan.files == len(expected)
    finally:
        shutil.rmtree(top)


def test_what_the_filters_leave_out_a_mirror_does_not_delete(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a.csv": b"1", "d/b.csv": b"2"})
    make(tmp_path / "t", {"a.csv": b"1", "keep.log": b"3", "old.csv": b"4", "gone/x.log": b"5", "gone/y.csv": b"6"})
    options = CopyOptions(mirror=True, max_delete=1.0, filters=Filters(include=("*.csv",)))
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert set(read(tmp_path / "t")) == {"a.csv", "d/b.csv", "keep.log", "gone/x.log"}
    assert report.deleted == 2


def test_a_glob_that_matches_only_what_is_filtered_out_is_no_error(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a.log": b"1"})
    options = CopyOptions(filters=Filters(exclude=("*.log",)))
    report = run(source_of(tmp_path / "s", "/*.log"), destination_of(tmp_path / "t"), options)
    assert (report.files, report.filtered) == (0, 1)
    with pytest.raises(NotFound):
        run(source_of(tmp_path / "s", "/*.csv"), destination_of(tmp_path / "t"), options)


def test_a_bucket_with_a_file_and_a_directory_of_one_name_cannot_be_put_on_a_disk(
    tmp_path: Path, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    from airflow_datamove.address import Address
    from airflow_datamove.stores.registry import open_store
    from airflow_datamove.transfer.copy import copy
    from tests.stores.places import put

    there = Address.parse(f"{buckets['abfs']}/both-{tmp_path.name}")
    with open_store(there, connections) as store:
        for name in ("x", "x/y", "x-z", "empty"):
            put(store, f"{there.path}/{name}", b"1")
        store.make_directory(f"{there.path}/none")
    for make_it in (False, True):
        if make_it:
            (tmp_path / "t").mkdir()
        with pytest.raises(PathConflict, match="x is a file and a directory at once in the source"):
            copy(there, destination_of(tmp_path / "t"), connections)
    again = Address.parse(f"{buckets['abfs']}/again-{tmp_path.name}")
    report = copy(there, again, connections)
    assert (report.files, report.directories) == (4, 2)
    with open_store(again, connections) as store:
        found = sorted((each.path.removeprefix(f"{again.path}/"), str(each.kind)) for each in store.walk(again.path))
    assert found == [
        ("empty", "file"), ("none", "directory"), ("x", "directory"), ("x", "file"), ("x-z", "file"), ("x/y", "file"),
    ]  # fmt: skip
    assert os.listdir(tmp_path / "t") == []


def _plan(top: Path, options: CopyOptions) -> None:
    with prepare_copy(source_of(top / "s"), destination_of(top / "t"), NOTHING, options):
        raise AssertionError("it was not refused")
