"""A copy that is killed goes on from what the destination itself holds; two at a time do each other no harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.transfer import passage
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from airflow_datamove.transfer.parted_file import PartedFile
from airflow_datamove.transfer.whole_file import Copied
from tests.faults.proxy import Proxy, Way, proxying
from tests.transfer.ends import End, Ends, start_copy, until
from tests.transfer.trees import destination_of, make, source_of

MIB = 2**20
THREADS = 4
PARTS = 20
SCHEMES = ["file", "abfs", "s3", "gs"]
# Heads of requests, listings, and what lies in the buffers of sockets between the copy and the proxy.
TALK = 2 * MIB


def _part(scheme: str) -> int:
    return (5 if scheme == "s3" else 1) * MIB


@dataclass
class _Large:
    """One large file, to be copied to an end by processes that others kill."""

    source: Path
    end: End
    target: Address
    part: int
    moved: Callable[[], int]
    """How many bytes have come to the end so far."""

    @property
    def size(self) -> int:
        return self.source.stat().st_size

    def start(self, rate: str = "") -> Callable[[], object]:
        raise NotImplementedError


@contextmanager
def _large(ends: Ends, scheme: str, top: Path) -> Iterator[_Large]:
    part = _part(scheme)
    make(top, {"large": os.urandom(PARTS * part - 12_345)}, modified=1_500_000_000)
    with nullcontext() if scheme == "file" else proxying(ends.port(scheme)) as proxy:
        end = ends(scheme, proxy.port if proxy is not None else 0)

        def moved() -> int:
            if isinstance(proxy, Proxy):
                return proxy.total.up
            # The journal of a local upload has eight bytes for each part that is whole.
            return sum(each.size // 8 * part for each in end.debris() if each.path.endswith(".done"))

        yield _Large(top / "large", end, end.at("to/large"), part, moved)


def _options(large: _Large, rate: int = 0) -> list[str]:
    slow = ["--rate", f"{rate}B/s"] if rate else []
    return ["--part-size", f"{large.part}B", "--threads", str(THREADS), "--route", "worker", *slow]


def _kill_at_nine_tenths(large: _Large) -> int:
    """Gives how many bytes had been moved by then."""
    rate = large.size // 2
    copying = start_copy(source_of(large.source), large.target, large.end.environment, *_options(large, rate))
    until(lambda: large.moved() > large.size * 0.88, copying=copying)
    copying.kill()
    assert set(large.end.read().values()) <= {None}, "half a file was seen"
    return large.moved()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_after_a_kill_no_more_is_moved_again_than_the_parts_that_were_in_flight(
    tmp_path: Path, ends: Ends, scheme: str
) -> None:
    with _large(ends, scheme, tmp_path) as large:
        moved = _kill_at_nine_tenths(large)
        report = start_copy(source_of(large.source), large.target, large.end.environment, *_options(large)).report()
        assert report.resumed >= moved - THREADS * large.part - TALK
        assert (report.files, report.bytes, report.failed) == (1, large.size, 0)
        if scheme != "file":
            assert large.moved() - moved <= large.size - report.resumed + TALK
        assert large.end.read() == {"to/large": large.source.read_bytes()}
        assert large.end.debris() == []


@pytest.mark.parametrize("scheme", ["abfs", "s3"])
def test_a_copy_to_a_local_disk_goes_on_from_what_is_there(tmp_path: Path, ends: Ends, scheme: str) -> None:
    end = ends(scheme)
    make(tmp_path, {"large": os.urandom(PARTS * MIB)})
    copy(source_of(tmp_path / "large"), end.at("large"), end.connections)
    target = destination_of(tmp_path / "t")
    options = ["--part-size", "1MiB", "--threads", str(THREADS), "--route", "worker"]
    copying = start_copy(end.at("large"), target, end.environment, *options, "--rate", "10MiB/s")

    def whole() -> int:
        return sum(path.stat().st_size // 8 for path in tmp_path.glob(".datamove-*.done"))

    until(lambda: whole() >= 17, copying=copying)
    copying.kill()
    there = whole()
    with proxying(ends.port(scheme)) as proxy:
        near = ends.through(end, scheme, proxy.port)
        report = start_copy(end.at("large"), target, near.environment, *options).report()
        assert report.resumed == there * MIB
        assert proxy.total.down <= (PARTS - there) * MIB + MIB // 4
    assert (tmp_path / "t").read_bytes() == (tmp_path / "large").read_bytes()
    assert list(tmp_path.glob(".datamove-*")) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_source_that_has_changed_since_the_kill_is_copied_afresh(tmp_path: Path, ends: Ends, scheme: str) -> None:
    with _large(ends, scheme, tmp_path) as large:
        rate = large.size // 2
        copying = start_copy(source_of(large.source), large.target, large.end.environment, *_options(large, rate))
        until(lambda: large.moved() > 6 * large.part, copying=copying)
        copying.kill()
        large.source.write_bytes(os.urandom(large.size))
        report = start_copy(source_of(large.source), large.target, large.end.environment, *_options(large)).report()
        assert report.resumed == 0
        assert large.end.read() == {"to/large": large.source.read_bytes()}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_try_that_still_runs_beside_its_successor_harms_nothing(tmp_path: Path, ends: Ends, scheme: str) -> None:
    with _large(ends, scheme, tmp_path) as large:
        make(tmp_path / "s", {f"small{number}": os.urandom(1000) for number in range(20)})
        (tmp_path / "large").rename(tmp_path / "s" / "large")
        source, target = source_of(tmp_path / "s"), large.end.at("to")
        size = (tmp_path / "s" / "large").stat().st_size
        environment = large.end.environment
        orphan = start_copy(source, target, environment, *_options(_moved(large), size // 2))
        until(lambda: large.moved() > 2 * large.part, copying=orphan)
        successor = start_copy(source, target, environment, *_options(_moved(large), size // 2))
        reports = [orphan.report(), successor.report()]
        assert all(report.failed == 0 for report in reports)
        expected = {f"to/{path.name}": path.read_bytes() for path in (tmp_path / "s").iterdir()}
        assert large.end.read() == expected
        assert large.end.debris() == []
        again = copy(source, target, large.end.connections, CopyOptions(part_size=large.part))
        assert (again.files, again.skipped) == (0, 21)


def _moved(large: _Large) -> _Large:
    return _Large(large.source.parent / "s" / "large", large.end, large.target, large.part, large.moved)


def test_other_parts_that_lie_about_are_not_taken_for_its_own(tmp_path: Path, ends: Ends) -> None:
    """Of another part size, another destination, another source of the same name."""
    end = ends("abfs")
    one, two = tmp_path / "one", tmp_path / "two"
    make(one, {"large": os.urandom(4 * MIB)}, modified=1_500_000_000)
    make(two, {"large": os.urandom(4 * MIB)}, modified=1_500_000_000)
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        copying = start_copy(
            source_of(one / "large"), end.at("large"), near.environment,
            "--part-size", "256KiB", "--rate", "2MiB/s", "--threads", "2",
        )  # fmt: skip
        until(lambda: proxy.total.up > 2 * MIB, copying=copying)
        copying.kill()
        assert proxy.most_within(60, Way.UP) > 2 * MIB
    for source, name, part_size in ((two, "large", 2**18), (one, "large", 2**19), (one, "elsewhere", 2**18)):
        report = copy(
            source_of(source / "large"),
            end.at(name),
            end.connections,
            CopyOptions(Overwrite.ALWAYS, part_size=part_size),
        )
        assert report.resumed == 0
        assert end.read()[name] == (source / "large").read_bytes()


@pytest.mark.parametrize("scheme", ["abfs", "s3", "gs"])
def test_parts_that_somebody_takes_away_before_they_are_published_are_moved_again(
    tmp_path: Path, ends: Ends, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage, "_FIRST_PAUSE", 0.01)
    end, part = ends(scheme), _part(scheme)
    make(tmp_path, {"large": os.urandom(3 * part - 5)})
    publish = PartedFile.publish
    taken: list[str] = []

    def robbed(self: PartedFile) -> Copied:
        if not taken:
            taken.append(self.entry.path)
            for entry in end.debris():
                with end.opened() as store:
                    store.delete_leftover(entry)
            if scheme == "abfs":  # a whole blob of that name takes its blocks away
                with end.opened() as store:
                    store.put(end.at("large").path, memoryview(b"another's"))
        return publish(self)

    monkeypatch.setattr(PartedFile, "publish", robbed)
    copy(source_of(tmp_path / "large"), end.at("large"), end.connections, CopyOptions(part_size=part))
    assert taken
    assert end.read() == {"large": (tmp_path / "large").read_bytes()}
    assert end.debris() == []
