from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.transfer.throttle import BURST, Throttle
from tests.transfer.simulated import SimulatedTime


class Clock:
    """Time that passes only where someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@settings(deadline=None, max_examples=100)
@given(
    rate=st.integers(1, 10**9),
    steps=st.lists(st.tuples(st.integers(1, 2**20), st.floats(0, 3)), min_size=1, max_size=40),
)
def test_no_window_passes_more_than_its_rate(rate: int, steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    throttle = Throttle(rate, clock=clock, sleep=clock.sleep)
    passed: list[tuple[float, int]] = []
    for count, stall in steps:
        count = min(count, rate * 10)
        throttle.take(count)
        passed.append((clock.now, count))
        clock.now += stall
    for first in range(len(passed)):
        total = 0
        for at, count in passed[first + 1 :]:
            total += count
            window = at - passed[first][0]
            assert total <= rate * (window + BURST) * (1 + 1e-6) + 1


def test_a_stall_earns_no_burst() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock=clock, sleep=clock.sleep)
    clock.now = 3600.0
    throttle.take(5000)
    assert clock.now >= 3600 + 5 - BURST - 1e-6


def test_the_rate_is_reached() -> None:
    clock = Clock()
    throttle = Throttle(1_000_000, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        throttle.take(100_000)
    assert 9.9 < clock.now <= 10.01


def test_a_new_rate_is_felt_by_who_waits() -> None:
    clock = Clock()
    throttle = Throttle(10, clock=clock, sleep=clock.sleep)
    throttle.take(10)
    assert 0.9 < clock.now <= 1.0
    throttle.rate = 1000
    throttle.take(1000)
    assert 1.9 < clock.now <= 2.1
    throttle.rate = None
    throttle.take(10**12)
    assert clock.now <= 2.1


def test_a_cancel_ends_the_wait() -> None:
    throttle = Throttle(1)
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    started = time.monotonic()
    assert throttle.take(1000, cancelled) is False
    assert time.monotonic() - started < 2


def test_threads_share_one_rate() -> None:
    throttle = Throttle(2**20)
    started = time.monotonic()
    threads = [threading.Thread(target=throttle.take, args=(2**17,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.9 < time.monotonic() - started < 3


@settings(deadline=None, max_examples=60)
@given(
    rates=st.lists(st.integers(1_000, 10**8), min_size=1, max_size=4),
    lives=st.lists(
        st.lists(st.tuples(st.integers(1, 2**20), st.sampled_from([0.0, 0.0, 0.0, 0.3, 2.5])), min_size=1, max_size=12),
        min_size=1,
        max_size=40,
    ),
)
def test_no_window_of_any_threads_takes_and_stalls_passes_more_than_the_rate_of_its_time(
    rates: list[int], lives: list[list[tuple[int, float]]]
) -> None:
    """The rate changes every three seconds; what was promised before passes within the first of them."""
    time_ = SimulatedTime()
    throttle = Throttle(rates[0], clock=time_.clock, sleep=time_.sleep)
    passed: list[tuple[float, int]] = []
    piece = min(rates) // 20

    def living(life: list[tuple[int, float]]) -> Callable[[], None]:
        def live() -> None:
            for count, stall in life:
                time_.sleep(stall)
                # In pieces as small as those that a bucket gives: what passes is noted when it may.
                for _ in range(4):
                    throttle.take(count := min(count, piece))
                    passed.append((time_.now, count))

        return live

    def change() -> None:
        for rate in rates[1:]:
            time_.sleep(3)
            throttle.rate = rate

    time_.run([change, *map(living, lives)])
    for number, rate in enumerate(rates):
        begin = 3.0 * number + (1.0 if number else 0.0)
        end = 3.0 * (number + 1) if number < len(rates) - 1 else float("inf")
        within = [(at, count) for at, count in passed if begin <= at < end]
        for first in range(len(within)):
            total = 0
            for at, count in within[first:]:
                total += count
                window = at - within[first][0]
                assert total <= rate * (window + BURST) * (1 + 1e-6) + 2 * (1 + rate // 20)


@pytest.mark.parametrize(("before", "after", "piece"), [(2**20, 2**23, 2**16), (2**23, 2**20, 2**14)])
def test_a_new_rate_holds_within_two_seconds_for_as_many_threads_as_there_may_be(
    before: int, after: int, piece: int
) -> None:
    time_ = SimulatedTime()
    throttle = Throttle(before, clock=time_.clock, sleep=time_.sleep)
    passed: list[tuple[float, int]] = []

    def live() -> None:
        while time_.now < 8:
            throttle.take(piece)
            passed.append((time_.now, piece))

    def change() -> None:
        time_.sleep(3)
        throttle.rate = after

    time_.run([change, *[live] * 64])
    found = sum(count for at, count in passed if 5 <= at < 8)
    assert 0.95 * after * 3 - 256 * piece < found < 1.02 * after * 3 + 256 * piece
    if after < before:
        assert found < 1.02 * after * 3 + piece
