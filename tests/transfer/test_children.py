"""Small files are copied by child processes; nothing else about the copy is different."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.temporary import is_temporary
from airflow_datamove.transfer.children import Children
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.plan import FileCopy
from tests.faults.proxy import Proxy, proxying
from tests.transfer.ends import Copying, End, Ends, start_copy, until
from tests.transfer.trees import Tree, destination_of, make, read, source_of

MANY = 400
TREE: Tree = {f"d{number % 7}/f{number}": random.Random(number).randbytes(number * 7) for number in range(MANY)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "s", TREE)


@pytest.fixture
def slow(ends: Ends) -> Iterator[tuple[End, Proxy]]:
    """A store each of whose answers takes a while."""
    with proxying(ends.port("abfs")) as proxy:
        proxy.delay = 0.01
        yield ends("abfs", proxy.port), proxy


def _children(copying: Copying) -> list[int]:
    pid = copying.process.pid
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("scheme", ["file", "abfs", "gs", "s3", "hdfs"])
def test_many_small_files_go_up_and_down(ends: Ends, source: Path, tmp_path: Path, scheme: str) -> None:
    end = ends(scheme)
    up = start_copy(source_of(source), end.at("t"), end.environment).report()
    down = start_copy(end.at("t"), destination_of(tmp_path / "back"), end.environment).report()
    assert (up.files, up.bytes, up.failed) == (down.files, down.bytes, down.failed) == (MANY, _size(), 0)
    assert read(tmp_path / "back") == TREE
    assert not end.debris()


def _size() -> int:
    return sum(len(content or b"") for content in TREE.values())


def test_children_copy_them(slow: tuple[End, Proxy], source: Path) -> None:
    end, _ = slow
    copying = start_copy(source_of(source), end.at("t"), end.environment)
    until(lambda: len(_children(copying)) == 8, copying=copying)
    assert copying.report().files == MANY
    assert end.read("t") == TREE


@pytest.mark.parametrize("options", [("--rate", "100MiB/s"), ("--on-error", "stop")])
def test_what_must_be_kept_by_one_process_has_no_children(
    slow: tuple[End, Proxy], source: Path, options: tuple[str, ...]
) -> None:
    end, proxy = slow
    copying = start_copy(source_of(source), end.at("t"), end.environment, *options)
    until(lambda: len(proxy.connections) > 2, copying=copying)
    assert not _children(copying)
    assert copying.report().files == MANY


def test_what_a_child_that_is_killed_has_not_done_is_done(slow: tuple[End, Proxy], source: Path) -> None:
    end, _ = slow
    copying = start_copy(source_of(source), end.at("t"), end.environment)
    until(lambda: len(_children(copying)) == 8, copying=copying)
    for child in _children(copying)[:7]:
        os.kill(child, signal.SIGKILL)
    assert copying.report().files == MANY
    assert end.read("t") == TREE
    assert not end.debris()


def test_children_end_with_their_parent(slow: tuple[End, Proxy], source: Path) -> None:
    end, _ = slow
    copying = start_copy(source_of(source), end.at("t"), end.environment)
    until(lambda: len(_children(copying)) == 8, copying=copying)
    children = _children(copying)
    copying.kill()
    until(lambda: not any(_alive(child) for child in children), 5)
    report = start_copy(source_of(source), end.at("t"), end.environment).report()
    assert report.files + report.skipped == MANY
    assert end.read("t") == TREE


def test_a_cancel_ends_them_and_leaves_nothing_unfinished(ends: Ends, source: Path, tmp_path: Path) -> None:
    end = ends("abfs")
    start_copy(source_of(source), end.at("s"), end.environment).report()
    with proxying(ends.port("abfs")) as proxy:
        proxy.delay = 0.02
        near = ends.through(end, "abfs", proxy.port)
        copying = start_copy(near.at("s"), destination_of(tmp_path / "back"), near.environment)
        until(lambda: any((tmp_path / "back").rglob("f*")), copying=copying)
        children = _children(copying)
        assert len(children) == 8
        proxy.hang = True
        copying.process.send_signal(signal.SIGTERM)
        copying.process.communicate(timeout=4)
    assert not any(_alive(child) for child in children)
    found = [path.name for path in (tmp_path / "back").rglob("*") if path.is_file()]
    assert 0 < len(found) < MANY
    assert not [name for name in found if is_temporary(name)]


def test_a_file_that_fails_is_told_of_once(slow: tuple[End, Proxy], source: Path) -> None:
    end, _ = slow
    copying = start_copy(source_of(source), end.at("t"), end.environment)
    until(lambda: len(_children(copying)) == 8, copying=copying)
    (source / "d6" / "f97").unlink()  # the last one
    out, _ = copying.process.communicate(timeout=30)
    report = json.loads(out)
    assert (copying.process.returncode, report["files"], report["failed"]) == (1, MANY - 1, 1)
    assert [failure["path"] for failure in report["failures"]] == ["d6/f97"]


def test_where_no_process_can_be_made_the_threads_copy(source: Path, tmp_path: Path) -> None:
    """As where a container's limit of processes is reached: the fork fails, and the copy does not."""
    script = f"""
import errno, os
from airflow_datamove.transfer.copy import copy
from tests.transfer.trees import NOTHING, destination_of, source_of
asked = []
def fork():
    asked.append(True)
    raise OSError(errno.EAGAIN, "no more processes")
os.fork = fork
print(copy(source_of({str(source)!r}), destination_of({str(tmp_path / "t")!r}), NOTHING).files, len(asked))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert told.stdout.split() == [str(MANY), "1"], told.stderr
    assert read(tmp_path / "t") == TREE


def test_a_batch_is_bounded_in_files_and_in_bytes() -> None:
    """What a child holds when a rate is set is not kept to it."""
    passage = cast(Passage, SimpleNamespace())
    children = Children(passage, 0)
    small, large = (FileCopy("f", Entry("/f", Kind.FILE, size), "/t") for size in (10, 2**20))
    assert not children.enough([])
    many = Children(passage, 99)
    assert many.enough([small] * 24)
    assert not many.enough([small] * 23)
    assert many.enough([large] * 4)
    assert not many.enough([large] * 3)
