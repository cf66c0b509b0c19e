from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import Cancelled, CopyFailed, NotFound, PathConflict, Refused, StoreUnavailable
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.stores.temporary import is_temporary
from airflow_datamove.transfer.copy import copy, prepare_copy
from airflow_datamove.transfer.options import CopyOptions, Overwrite, Route
from airflow_datamove.transfer.progress import Progress
from tests.stores.dead_server import unused_port
from tests.stores.places import put
from tests.transfer.trees import NOTHING, Tree, destination_of, make, read, run, source_of

TREE: Tree = {"a/b/1": b"1", "a/2": b"22", ".hidden": b"h", "zero": b"", "empty/inner": None, "x%20 [y]": b"odd"}


def _unfinished(top: Path) -> list[str]:
    return [name for _, _, names in os.walk(top) for name in names if is_temporary(name)]


def test_a_tree_is_copied_with_all_that_is_in_it(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE, modified=1_000_000_000)
    os.symlink("/etc/passwd", tmp_path / "s" / "link")
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    assert read(tmp_path / "t") == TREE
    assert (report.files, report.bytes, report.directories, report.special) == (5, 7, 4, 1)
    assert (report.route, report.verified_by, report.failed) == ("worker", "length", 0)
    assert (tmp_path / "t" / "zero").stat().st_mtime == 1_000_000_000
    assert not (tmp_path / "t" / "link").exists()


def test_a_second_copy_moves_nothing(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    assert (report.files, report.skipped) == (0, 5)


@pytest.mark.parametrize(
    ("overwrite", "old", "age", "expected"),
    [
        (Overwrite.NEVER, b"longer than the source", 10, b"longer than the source"),
        (Overwrite.ALWAYS, b"same", -10, b"new!"),
        (Overwrite.IF_CHANGED, b"longer than the source", -10, b"new!"),
        (Overwrite.IF_CHANGED, b"same", 10, b"new!"),
        (Overwrite.IF_CHANGED, b"same", -10, b"same"),
        (Overwrite.IF_CHANGED, b"same", 0.4, b"same"),
    ],
)
def test_overwrite(tmp_path: Path, overwrite: Overwrite, old: bytes, age: float, expected: bytes) -> None:
    """``age``: by how many seconds the destination is older than the source."""
    make(tmp_path / "s", {"f": b"new!"}, modified=1_000_000_000.5)
    make(tmp_path / "t", {"f": old}, modified=1_000_000_000.5 - age)
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(overwrite))
    assert (tmp_path / "t" / "f").read_bytes() == expected


@pytest.mark.parametrize(
    ("standing", "message"),
    [
        ({"a": b"file"}, "t/a is a file where a directory must be"),
        ({"a/2/x": b"1"}, "t/a/2 is a directory where a file must be"),
        ({"empty": b"file"}, "t/empty is a file where a directory must be"),
    ],
)
def test_what_stands_in_the_way_fails_the_copy_before_any_byte_moves(
    tmp_path: Path, standing: Tree, message: str
) -> None:
    make(tmp_path / "s", TREE)
    make(tmp_path / "t", standing)
    for overwrite in Overwrite:
        with pytest.raises(PathConflict, match=message):
            run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(overwrite))
        assert read(tmp_path / "t") == standing


def test_a_file_at_the_destination_or_above_it_is_in_the_way_of_a_directory(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    make(tmp_path, {"t": b"file"})
    for tail in ("", "/", "/below/this"):
        with pytest.raises(PathConflict, match="t is a file where a directory must be"):
            run(source_of(tmp_path / "s"), destination_of(tmp_path / "t", tail))
    with pytest.raises(PathConflict, match="t is a file where a directory must be"):
        run(source_of(tmp_path / "s" / "zero"), destination_of(tmp_path / "t", "/"))
    assert (tmp_path / "t").read_bytes() == b"file"


def test_a_directory_is_in_the_way_of_a_file_and_the_remedy_is_a_slash(tmp_path: Path) -> None:
    make(tmp_path, {"s": b"1", "t/x": b"2"})
    with pytest.raises(PathConflict, match="end the destination with / to copy into it"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t", "/"))
    assert read(tmp_path / "t") == {"s": b"1", "x": b"2"}


def test_a_symlink_at_the_destination_is_in_the_way_and_leads_nowhere(tmp_path: Path) -> None:
    make(tmp_path, {"s/d/f": b"1", "outside/f": b"precious", "t/x": b"1"})
    os.symlink(tmp_path / "outside", tmp_path / "t" / "d")
    with pytest.raises(PathConflict):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(Overwrite.ALWAYS))
    assert read(tmp_path / "outside") == {"f": b"precious"}


def test_a_missing_source_and_a_file_with_a_slash(tmp_path: Path) -> None:
    make(tmp_path, {"s": b"1"})
    with pytest.raises(NotFound):
        run(source_of(tmp_path / "none"), destination_of(tmp_path / "t"))
    with pytest.raises(NotFound, match="matches nothing"):
        run(source_of(tmp_path, "/none*"), destination_of(tmp_path / "t"))
    with pytest.raises(PathConflict, match="is a file"):
        run(source_of(tmp_path / "s", "/"), destination_of(tmp_path / "t"))
    assert not (tmp_path / "t").exists()


def test_a_glob_brings_the_trees_of_what_it_matches(tmp_path: Path) -> None:
    make(tmp_path / "s", {"day=1/a": b"1", "day=1/sub/b": b"2", "day=2/none": None, "other/c": b"3", "day": b"4"})
    run(source_of(tmp_path / "s", "/day=*"), destination_of(tmp_path / "t"))
    assert read(tmp_path / "t") == {"day=1/a": b"1", "day=1/sub/b": b"2", "day=2/none": None}
    run(source_of(tmp_path / "s", "/day*/"), destination_of(tmp_path / "u"))
    assert read(tmp_path / "u") == read(tmp_path / "t")
    run(source_of(tmp_path / "s", "/{day=1,other}/[ac]"), destination_of(tmp_path / "v"))
    assert read(tmp_path / "v") == {"day=1/a": b"1", "other/c": b"3"}


def test_a_failed_file_does_not_stop_the_others(tmp_path: Path) -> None:
    make(tmp_path / "s", {**TREE, "gone": b"1"})
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, CopyOptions()) as prepared:
        os.unlink(tmp_path / "s" / "gone")
        with pytest.raises(CopyFailed, match=r"1 of 6 files failed; the first, gone: .*nothing here") as caught:
            prepared.carry_out()
    assert read(tmp_path / "t") == TREE
    report = caught.value.report
    assert (report.files, report.failed) == (5, 1)
    assert report.failures[0]["path"] == "gone"
    assert not caught.value.retryable


def test_a_source_that_changed_after_it_was_listed_is_copied_as_it_is_now(tmp_path: Path) -> None:
    make(tmp_path / "s", {"f": b"old"})
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, CopyOptions()) as prepared:
        (tmp_path / "s" / "f").write_bytes(b"newer and longer")
        report = prepared.carry_out()
    assert read(tmp_path / "t") == {"f": b"newer and longer"}
    assert report.bytes == 16


def test_a_cancel_stops_within_two_seconds_and_leaves_no_debris(tmp_path: Path) -> None:
    make(tmp_path / "s", {f"f{number}": b"x" * 2**20 for number in range(8)})
    cancelled = threading.Event()
    seen: list[float] = []

    def cancel(progress: Progress) -> None:
        if progress.bytes_done and not seen:
            seen.append(time.monotonic())
            cancelled.set()

    with pytest.raises(Cancelled, match="of 8 files") as caught:
        copy(
            source_of(tmp_path / "s"),
            destination_of(tmp_path / "t"),
            NOTHING,
            CopyOptions(rate=2**19),
            progress=cancel,
            cancelled=cancelled,
        )
    assert time.monotonic() - seen[0] < 2
    assert _unfinished(tmp_path / "t") == []
    assert caught.value.report.files < 8


def test_a_copy_that_is_cancelled_before_it_begins_moves_nothing(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, cancelled=cancelled)
    assert read(tmp_path / "t") == {}


def test_the_rate_is_kept(tmp_path: Path) -> None:
    make(tmp_path / "s", {f"f{number}": b"x" * 2**18 for number in range(8)})
    started = time.monotonic()
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(rate=2**20))
    assert 1.9 < time.monotonic() - started < 4


def test_progress_ends_with_everything(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    seen: list[Progress] = []
    copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, progress=seen.append)
    last = seen[-1]
    assert (last.files_done, last.files, last.bytes_done, last.bytes) == (5, 5, 7, 7)


def test_leftovers_of_a_killed_try_are_neither_copied_nor_in_the_way(tmp_path: Path) -> None:
    make(tmp_path / "s", {"f": b"1", ".datamove-0123456789abcdef0123456789abcdef.part": b"half"})
    make(tmp_path / "t", {".datamove-00000000000000000000000000000000.part": b"half"})
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    assert report.files == 1
    assert sorted(os.listdir(tmp_path / "t")) == [".datamove-00000000000000000000000000000000.part", "f"]


@pytest.mark.parametrize("scheme", ["hdfs", "abfs", "gs"])
def test_a_tree_goes_to_each_store_and_back(
    tmp_path: Path, scheme: str, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    there = Address.parse(f"{buckets[scheme]}/{tmp_path.name}")
    make(tmp_path / "s", {**TREE, "big": os.urandom(9 * 2**20 + 1)}, modified=1_000_000_000)
    up = copy(source_of(tmp_path / "s"), there, connections)
    assert (up.files, up.skipped) == (6, 0)
    assert copy(source_of(tmp_path / "s"), there, connections).skipped == 6
    down = copy(there, destination_of(tmp_path / "t"), connections)
    assert read(tmp_path / "t") == read(tmp_path / "s")
    assert (tmp_path / "t" / "big").stat().st_mtime == 1_000_000_000
    assert up.verified_by == {"hdfs": "length", "abfs": "md5, md5 of each part", "gs": "crc32c"}[scheme]
    assert down.verified_by == {"hdfs": "length", "abfs": "crc32c, md5", "gs": "crc32c"}[scheme]
    assert copy(there, destination_of(tmp_path / "t"), connections).skipped == 6
    shutil.rmtree(tmp_path / "s" / "a")
    mirrored = copy(source_of(tmp_path / "s"), there, connections, CopyOptions(mirror=True))
    assert mirrored.deleted == 4
    copy(there, destination_of(tmp_path / "u"), connections)
    assert read(tmp_path / "u") == read(tmp_path / "s")


@pytest.mark.parametrize("scheme", ["abfs", "gs"])
def test_keys_that_no_file_system_can_hold_are_refused_before_any_byte_moves(
    tmp_path: Path, scheme: str, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:

    there = Address.parse(f"{buckets[scheme]}/keys-{tmp_path.name}/")
    with open_store(there, connections) as store:
        for name in ("a", "a/b", "c"):
            put(store, f"{there.path}{name}", b"1")
    with pytest.raises(PathConflict, match="a file and a directory at once"):
        copy(there, destination_of(tmp_path / "t"), connections)
    assert not (tmp_path / "t").exists()
    other = Address.parse(f"{buckets[scheme]}/other-{tmp_path.name}/")
    assert copy(there, other, connections).files == 3
    assert copy(there, other, connections).skipped == 3
    with pytest.raises(PathConflict, match="a file and a directory at once"):
        copy(there.with_path(f"{there.path}a"), destination_of(tmp_path / "t"), connections)
    copy(there.with_path(f"{there.path}a/"), destination_of(tmp_path / "t"), connections)
    assert read(tmp_path / "t") == {"b": b"1"}


@pytest.mark.parametrize(("scheme", "name"), [("abfs", "d./f"), ("abfs", "back\\slash"), ("gs", "new\nline")])
def test_a_name_that_the_store_cannot_hold_fails_alone(
    tmp_path: Path, scheme: str, name: str, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    there = Address.parse(f"{buckets[scheme]}/alone-{tmp_path.name}/")
    with open_store(there, connections) as store:
        put(store, f"{there.path}a", b"old")
    make(tmp_path / "s", {"a": b"1", name: b"2"})
    with pytest.raises(CopyFailed, match="cannot hold") as caught:
        copy(source_of(tmp_path / "s"), there, connections)
    assert not caught.value.retryable
    assert (caught.value.report.files, caught.value.report.failed) == (1, 1)
    copy(there, destination_of(tmp_path / "t"), connections)
    assert read(tmp_path / "t") == {"a": b"1"}


def test_a_key_that_leads_out_of_the_destination_is_refused(
    tmp_path: Path, gcs: dict[str, str], connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:

    there = Address.parse(f"{buckets['gs']}/out-{tmp_path.name}/")
    with open_store(there, connections) as store:
        put(store, f"{there.path}x/../../escaped", b"1")
    with pytest.raises(PathConflict, match="cannot be a path at the destination"):
        copy(there, destination_of(tmp_path / "t" / "u"), connections)
    assert read(tmp_path) == {}


def test_the_store_copies_by_itself_where_it_can(
    tmp_path: Path, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    here, there = (Address.parse(f"{buckets['gs']}/{name}-{tmp_path.name}") for name in ("one", "other"))
    make(tmp_path / "s", TREE, modified=1_000_000_000)
    copy(source_of(tmp_path / "s"), here, connections)
    report = copy(here, there, connections, route=Route.SERVER_SIDE)
    assert (report.files, report.bytes, report.route, report.verified_by) == (5, 7, "server_side", "crc32c")
    assert copy(here, there, connections, route=Route.SERVER_SIDE).skipped == 5
    copy(there, destination_of(tmp_path / "t"), connections)
    assert read(tmp_path / "t") == TREE
    with pytest.raises(Refused, match="not in one service"):
        copy(here, destination_of(tmp_path / "u"), connections, route=Route.SERVER_SIDE)


def test_a_destination_that_is_away_fails_the_copy(tmp_path: Path) -> None:
    extra = {"is_anonymous": True, "project": "p", "endpoint": f"http://127.0.0.1:{unused_port()}"}
    value = json.dumps({"conn_type": "google_cloud_platform", "extra": extra})
    nowhere = EnvironmentConnections({"AIRFLOW_CONN_GCP": value})
    make(tmp_path / "s", {"f": b"1"})
    with pytest.raises(StoreUnavailable):
        copy(source_of(tmp_path / "s"), Address.parse("gs://gcp@b/x"), nowhere)
