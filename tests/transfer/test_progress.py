from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.progress import Meter, Progress
from tests.transfer.trees import NOTHING, destination_of, make, source_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_of_the_last_five_seconds_and_tells_what_is_left() -> None:
    clock = Clock()
    meter = Meter(1, 10_000, clock=clock)
    for second in range(1, 11):
        clock.now = second
        meter.passed(100 if second <= 5 else 300)
        seen = meter.read()
    assert seen.bytes_done == 2000
    assert seen.rate == pytest.approx(300)
    assert seen.seconds_left == pytest.approx(8000 / 300)


def test_while_nothing_moves_nobody_knows_how_long_it_takes() -> None:
    clock = Clock()
    meter = Meter(1, 10, clock=clock)
    clock.now = 1.0
    assert meter.read().seconds_left is None


def test_what_is_there_already_is_done_and_no_part_of_the_rate() -> None:
    clock = Clock()
    meter = Meter(1, 1000, clock=clock)
    meter.found(900)
    clock.now = 1.0
    meter.passed(10)
    seen = meter.read()
    assert (seen.bytes_done, seen.rate, seen.seconds_left) == (910, 10, 9)


def test_a_source_that_grows_under_the_copy_leaves_no_negative_time() -> None:
    clock = Clock()
    meter = Meter(1, 10, clock=clock)
    clock.now = 1.0
    meter.passed(20)
    assert meter.read().seconds_left == 0


def test_a_failed_attempt_is_taken_back() -> None:
    clock = Clock()
    meter = Meter(1, 10, clock=clock)
    meter.passed(5)
    meter.passed(-5)
    clock.now = 1.0
    assert (meter.read().bytes_done, meter.read().rate) == (0, 0.0)


def test_a_copy_tells_how_far_it_is_at_most_once_a_second(tmp_path: Path) -> None:
    make(tmp_path / "s", {f"f{number}": os.urandom(2**19) for number in range(6)})
    told: list[tuple[float, Progress]] = []
    copy(
        source_of(tmp_path / "s"),
        destination_of(tmp_path / "t"),
        NOTHING,
        CopyOptions(rate=2**20),
        progress=lambda progress: told.append((time.monotonic(), progress)),
    )
    times = [at for at, _ in told[:-1]]
    assert len(times) >= 2
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(times))
    middle = told[1][1]
    assert middle.current
    assert set(middle.current) <= {f"f{number}" for number in range(6)}
    assert 0 < middle.bytes_done < middle.bytes == 3 * 2**20
    assert middle.seconds_left is not None
    assert 0 < middle.seconds_left < 6
    last = told[-1][1]
    assert (last.files_done, last.bytes_done, last.current) == (6, 3 * 2**20, ())
