"""HDFS tells no checksum in a listing; what may be the same is asked for, and the checksum decides."""

from __future__ import annotations

import pytest

from airflow_datamove.stores.contract import Attributes
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from tests.transfer.ends import End, Ends


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
