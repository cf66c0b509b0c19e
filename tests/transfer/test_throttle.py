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


def test_what_is_planned_comes_to_pass_by_itself() -> None:
    clock = Clock()
    throttle = Throttle(10, clock=clock, sleep=clock.sleep)
    throttle.plan([(0.0, 100), (2.0, 20), (6.0, 50)])
    throttle.take(200)
    assert 1.9 < clock.now <= 2.001
    throttle.take(60)
    assert throttle.rate == 20
    assert 4.9 < clock.now <= 5.1
    clock.now = 7.0
    assert throttle.rate == 50
    assert throttle.passed == 260
    throttle.plan([(7.0, 30), (9.0, 1)])
    throttle.rate = 40
    clock.now = 10.0
    assert throttle.rate == 40


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


def test_of_the_old_rate_no_more_passes_than_was_promised_before_the_new_one_however_many_threads_wait() -> None:
    """A quarter of a second's bytes, and the piece that was being promised."""
    before, after = 2**23, 2**10
    time_ = SimulatedTime()
    throttle = Throttle(before, clock=time_.clock, sleep=time_.sleep)
    passed: list[tuple[float, int]] = []
    piece = before // 20

    def live() -> None:
        while time_.now < 3:
            throttle.take(piece)
            passed.append((time_.now, piece))

    def change() -> None:
        time_.sleep(3)
        throttle.rate = after
        time_.sleep(1)
        throttle.rate = None

    time_.run([change, *[live] * 64])
    old = [(at, count) for at, count in passed if 3 < at < 3.5]
    assert sum(count for _, count in old) <= before * (0.25 + 0.05)
    assert max(at for at, _ in old) <= 3 + 0.25 + 0.05 + 1e-6


@pytest.mark.parametrize("late", [0.0, 0.03, 0.1])
def test_threads_that_the_system_wakes_late_lose_nothing_as_long_as_others_are_promised_something(late: float) -> None:
    """A busy machine wakes a thread some hundredths of a second after its time."""
    rate, seconds = 2**23, 20
    time_ = SimulatedTime()
    throttle = Throttle(rate, clock=time_.clock, sleep=lambda wait: time_.sleep(wait + late))
    passed = 0

    def live() -> None:
        nonlocal passed
        while time_.now < seconds:
            throttle.take(rate // 20)
            if time_.now < seconds:
                passed += rate // 20

    time_.run([live] * 16)
    assert 0.98 * rate * seconds < passed < 1.01 * rate * (seconds + BURST)
