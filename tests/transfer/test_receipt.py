from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc32c
from pyarrow import parquet

from airflow_datamove.errors import CopyFailed, DatamoveError, PathConflict, Refused
from airflow_datamove.transfer.copy import copy, prepare_copy
from airflow_datamove.transfer.options import CopyOptions, OnError, Publish
from tests.stores.places import get
from tests.transfer.ends import Ends
from tests.transfer.trees import NOTHING, destination_of, make, read, run, source_of

ODD = ["x%20 [y]", "ä\n\t\"'", "no text \udcff", "\U0001f600"]


def _rows(data: bytes) -> dict[str, dict[str, Any]]:
    rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    found = {row["path"]: row for row in rows}
    assert len(found) == len(rows), "a file has two rows"
    return found


def test_each_file_has_a_row_whatever_came_of_it(tmp_path: Path) -> None:
    make(tmp_path / "s", {"new": b"123", "same": b"1", "gone": b"2"}, modified=1_000_000_000)
    make(tmp_path / "t", {"same": b"1"})
    options = CopyOptions(receipt=destination_of(tmp_path / "receipt.parquet"))
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options) as prepared:
        os.unlink(tmp_path / "s" / "gone")
        with pytest.raises(CopyFailed):
            prepared.carry_out()
    rows = _rows((tmp_path / "receipt.parquet").read_bytes())
    assert {path: row["outcome"] for path, row in rows.items()} == {
        "new": "copied",
        "same": "skipped",
        "gone": "failed",
    }
    assert rows["new"]["bytes"] == 3
    assert rows["new"]["checksum"] == f"crc32c:{crc32c(b'123'):08x}"
    assert (rows["new"]["verified_by"], rows["new"]["route"], rows["new"]["attempts"]) == ("length", "worker", 1)
    assert "nothing here" in rows["gone"]["error"]
    assert rows["new"]["error"] == rows["same"]["error"] == ""


def test_what_a_mirror_deletes_has_rows_too(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    make(tmp_path / "t", {"old": b"1", "d/older": b"2"})
    options = CopyOptions(mirror=True, max_delete=1.0, receipt=destination_of(tmp_path / "receipt"))
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    outcomes = {
        path.rpartition("/")[2]: row["outcome"] for path, row in _rows((tmp_path / "receipt").read_bytes()).items()
    }
    assert outcomes == {"a": "copied", "old": "deleted", "older": "deleted", "d": "deleted"}


def test_odd_names_are_told_apart_also_where_they_are_no_text(tmp_path: Path) -> None:
    make(tmp_path / "s", dict.fromkeys(ODD, b"1"))
    options = CopyOptions(receipt=destination_of(tmp_path / "receipt"))
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options) as prepared:
        os.unlink(tmp_path / "s" / ODD[2])
        with pytest.raises(CopyFailed):
            prepared.carry_out()
    rows = _rows((tmp_path / "receipt").read_bytes())
    assert set(rows) == {*ODD[:2], "no text \\udcff", ODD[3]}
    assert rows["no text \\udcff"]["outcome"] == "failed"


def test_more_rows_than_are_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_datamove.transfer.receipt._ROWS", 10)
    make(tmp_path / "s", {f"d{number % 3}/f{number}": b"1" for number in range(95)})
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(receipt=destination_of(tmp_path / "r")))
    assert len(_rows((tmp_path / "r").read_bytes())) == 95


def test_a_receipt_in_an_object_store_and_of_parts_with_the_checksum_of_the_whole(tmp_path: Path, ends: Ends) -> None:
    end = ends("abfs")
    data = os.urandom(2**20)
    make(tmp_path / "s", {"large": data})
    options = CopyOptions(part_size=2**18, receipt=end.at("receipt.parquet"))
    copy(source_of(tmp_path / "s"), end.at("t"), end.connections, options)
    with end.opened() as store:
        rows = _rows(get(store, end.at("receipt.parquet").path))
    assert rows["large"]["checksum"] == f"crc32c:{crc32c(data):08x}"
    assert rows["large"]["verified_by"] == "md5 of each part"


def test_a_receipt_that_cannot_be_written_fails_before_anything_is_copied(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    with pytest.raises(DatamoveError, match="Name a file for the receipt"):
        run(
            source_of(tmp_path / "s"),
            destination_of(tmp_path / "t"),
            CopyOptions(receipt=destination_of(tmp_path, "/")),
        )
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("place", ["s/a", "s/new", "t", "t/a", "t/receipts/r"])
def test_a_receipt_has_a_place_of_its_own(tmp_path: Path, place: str) -> None:
    make(tmp_path / "s", {"a": b"1"})
    options = CopyOptions(receipt=destination_of(tmp_path / place))
    with pytest.raises(Refused, match="would lie in the"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert read(tmp_path) == {"s/a": b"1"}


def test_what_was_staged_or_not_begun_has_a_row_too(tmp_path: Path) -> None:
    make(tmp_path / "s", {f"f{number}": b"1" for number in range(6)})
    for publish, on_error, rest in (
        (Publish.TOGETHER, OnError.CONTINUE, "staged"),
        (Publish.EACH, OnError.STOP, "not_begun"),
    ):
        receipt = tmp_path / f"{rest}.parquet"
        options = CopyOptions(threads=1, publish=publish, on_error=on_error, receipt=destination_of(receipt))
        there = destination_of(tmp_path / rest)
        with prepare_copy(source_of(tmp_path / "s"), there, NOTHING, options) as prepared:
            (tmp_path / "s" / "f0").unlink()
            with pytest.raises(CopyFailed):
                prepared.carry_out()
        make(tmp_path / "s", {"f0": b"1"})
        rows = {row["path"]: row["outcome"] for row in parquet.read_table(receipt).to_pylist()}
        assert rows == {"f0": "failed", **{f"f{number}": rest for number in range(1, 6)}}


@pytest.mark.parametrize("make_it", [os.mkfifo, lambda path: os.symlink("elsewhere", path), os.mkdir])
def test_what_is_no_file_is_not_replaced_by_a_receipt(tmp_path: Path, make_it: Callable[[Path], None]) -> None:
    make(tmp_path / "s", {"a": b"1"})
    make_it(tmp_path / "r")
    before = os.lstat(tmp_path / "r")
    with pytest.raises(PathConflict, match="where a file must be"):
        run(
            source_of(tmp_path / "s"),
            destination_of(tmp_path / "t"),
            CopyOptions(receipt=destination_of(tmp_path / "r")),
        )
    assert os.lstat(tmp_path / "r") == before
    assert not (tmp_path / "t").exists()
