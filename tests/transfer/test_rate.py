"""The rate over real sockets, with a stall and with a change on the way; measured by a proxy in front of the store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.throttle import Throttle
from tests.faults.proxy import Proxy, Way, proxying
from tests.transfer.ends import Ends
from tests.transfer.trees import destination_of, make, read, source_of

MIB = 2**20
RATE, LATER = 8 * MIB, 4 * MIB
OPTIONS = CopyOptions(part_size=MIB, threads=8, rate=RATE)
# What the sockets of this machine hold, which has been let through before.
HELD = 5 * MIB

both_ways = pytest.mark.parametrize("way", list(Way))


def _between(proxy: Proxy, way: Way, begin: float, end: float) -> int:
    return sum(count for at, count in proxy.timelines[way] if begin <= at < end)


def _copy(
    ends: Ends, top: Path, way: Way, size: int, disturb: Callable[[Proxy, Throttle], None]
) -> tuple[Proxy, float, float]:
    """Copies a large file and some small ones, and lets something happen to it; gives when it began and ended."""
    end = ends("abfs")
    make(top / "s", {"large": os.urandom(size), **{f"f{number}": os.urandom(MIB // 2) for number in range(8)}})
    if way is Way.DOWN:
        copy(source_of(top / "s"), end.at("s"), end.connections, CopyOptions(part_size=MIB))
    throttle = Throttle(RATE)
    with proxying(ends.port("abfs"), window=2**16) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        disturbing = threading.Thread(target=disturb, args=(proxy, throttle))
        began = time.monotonic()
        disturbing.start()
        if way is Way.UP:
            report = copy(source_of(top / "s"), end.at("t"), near.connections, OPTIONS, throttle=throttle)
        else:
            report = copy(end.at("s"), destination_of(top / "t"), near.connections, OPTIONS, throttle=throttle)
        over = time.monotonic()
        disturbing.join()
    assert report.failed == 0
    assert (end.read("t") if way is Way.UP else read(top / "t")) == read(top / "s")
    return proxy, began, over


@pytest.mark.timeout(60)
@both_ways
def test_a_new_rate_holds_within_two_seconds(tmp_path: Path, ends: Ends, way: Way) -> None:
    changed: list[float] = []

    def change(proxy: Proxy, throttle: Throttle) -> None:
        time.sleep(2.5)
        throttle.rate = LATER
        changed.append(time.monotonic())

    proxy, began, over = _copy(ends, tmp_path, way, 32 * MIB, change)
    before = _between(proxy, way, began + 0.5, changed[0]) / (changed[0] - began - 0.5)
    assert 0.6 * RATE < before < 1.02 * RATE
    settled = changed[0] + 2.0
    assert over - 0.3 - settled > 1.0, "the copy was over too soon to tell"
    window = over - 0.3 - settled
    after = _between(proxy, way, settled, over - 0.3)
    assert 0.6 * LATER * window < after < 1.02 * LATER * window + MIB


@pytest.mark.timeout(60)
@both_ways
def test_what_a_stall_has_cost_is_not_made_up_for(tmp_path: Path, ends: Ends, way: Way) -> None:
    stall: list[float] = []

    def hang(proxy: Proxy, throttle: Throttle) -> None:
        time.sleep(1.5)
        proxy.hang = True
        stall.append(time.monotonic())
        time.sleep(2.0)
        proxy.hang = False
        stall.append(time.monotonic())

    proxy, began, over = _copy(ends, tmp_path, way, 24 * MIB, hang)
    assert _between(proxy, way, stall[0] + 0.2, stall[1]) < MIB, "it did not stall"
    after = _between(proxy, way, stall[1], over)
    assert after < RATE * (over - stall[1]) + HELD
    assert over - began > 2.0 + (28 * MIB - HELD) / RATE
