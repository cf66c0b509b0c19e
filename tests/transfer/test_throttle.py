from __future__ import annotations

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.transfer.throttle import BURST, Throttle


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
