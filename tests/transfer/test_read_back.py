"""What is read back passes the link once more, and keeps to the rate as well."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions, Verify
from tests.faults.proxy import proxying
from tests.transfer.ends import Ends
from tests.transfer.trees import make, read, source_of

MIB = 2**20
RATE = 4 * MIB
SIZES = {"whole": {f"f{number}": MIB // 2 for number in range(8)}, "parts": {"large": 4 * MIB}}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", list(SIZES))
def test_bytes_that_are_read_back_count_against_the_rate(tmp_path: Path, ends: Ends, kind: str) -> None:
    make(tmp_path / "s", {name: os.urandom(size) for name, size in SIZES[kind].items()})
    size = sum(SIZES[kind].values())
    end = ends("abfs")
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        options = CopyOptions(part_size=MIB, threads=4, rate=RATE, verify=Verify.READ_BACK)
        began = time.monotonic()
        report = copy(source_of(tmp_path / "s"), end.at("t"), near.connections, options)
        seconds = time.monotonic() - began
    assert report.verified_by == "crc32c, read back"
    assert end.read("t") == read(tmp_path / "s")
    assert proxy.total.down >= size
    assert seconds >= 2 * size / RATE - 0.1
