"""Listings of HDFS tell no checksum, those of S3 no time but that of writing; what may be the same is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_datamove.stores.contract import Attributes
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from tests.transfer.ends import End, Ends
from tests.transfer.trees import destination_of, make, read, source_of


def _put(end: End, name: str, content: bytes, modified: float) -> None:
    with end.opened() as store:
        store.put(end.at(name).path, memoryview(content), Attributes(modified))


@pytest.mark.parametrize(
    ("overwrite", "there", "copied"),
    [
        (Overwrite.IF_CHANGED, b"other", 1),
        (Overwrite.IF_CHANGED, b"equal", 0),
        (Overwrite.IF_CHANGED, b"", 1),
        (Overwrite.NEVER, b"other", 0),
        (Overwrite.ALWAYS, b"equal", 1),
    ],
)
def test_of_one_length_the_checksum_decides_and_not_the_time(
    ends: Ends, overwrite: Overwrite, there: bytes, copied: int
) -> None:
    one, other = ends("hdfs"), ends("hdfs")
    _put(one, "s/a/f", b"equal", 1_000_000_000)
    _put(other, "t/a/f", there, 1_100_000_000)
    report = copy(one.at("s"), other.at("t"), one.connections, CopyOptions(overwrite))
    assert (report.files, report.skipped) == (copied, 1 - copied)
    assert other.read("t") == {"a/f": b"equal" if copied else there}


def test_without_a_checksum_at_both_ends_the_time_decides(ends: Ends) -> None:
    one, other = ends("file"), ends("hdfs")
    _put(one, "s/f", b"equal", 1_000_000_000)
    _put(other, "t/f", b"other", 1_100_000_000)
    assert copy(one.at("s"), other.at("t"), other.connections).skipped == 1


def test_more_of_them_than_are_asked_for_at_a_time(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.transfer.doubts._AT_A_TIME", 3)
    one, other = ends("hdfs"), ends("hdfs")
    for number in range(7):
        _put(one, f"s/f{number}", b"equal", 1_000_000_000)
        _put(other, f"t/f{number}", b"equal" if number % 2 else b"other", 1_100_000_000)
    report = copy(one.at("s"), other.at("t"), one.connections)
    assert (report.files, report.skipped) == (4, 3)
    assert set(other.read("t").values()) == {b"equal"}


def test_a_large_file_of_s3_whose_time_was_kept_is_not_copied_again(tmp_path: Path, ends: Ends) -> None:
    end = ends("s3")
    make(tmp_path / "s", {"large": os.urandom(6 * 2**20)}, modified=1_234_567_890)
    copy(source_of(tmp_path / "s"), end.at("x"), end.connections, CopyOptions(part_size=5 * 2**20))
    for copied in (1, 0):
        report = copy(end.at("x"), destination_of(tmp_path / "t"), end.connections)
        assert (report.files, report.skipped) == (copied, 1 - copied)
        assert (tmp_path / "t" / "large").stat().st_mtime == 1_234_567_890
    make(tmp_path / "s", {"large": os.urandom(6 * 2**20)}, modified=1_234_567_891)
    copy(source_of(tmp_path / "s"), end.at("x"), end.connections, CopyOptions(Overwrite.ALWAYS, part_size=5 * 2**20))
    assert copy(end.at("x"), destination_of(tmp_path / "t"), end.connections).files == 1
    assert read(tmp_path / "t") == read(tmp_path / "s")
