from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.transfer.crew import Gate, work_through


def test_every_item_is_worked_on_once() -> None:
    seen: list[int] = []
    work_through(range(500), seen.append, threads=7, cancelled=threading.Event())
    assert sorted(seen) == list(range(500))


def test_items_are_taken_one_at_a_time() -> None:
    """Memory would otherwise grow with the number of files."""
    taken = done = 0
    ahead: list[int] = []

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(200):
            taken += 1
            ahead.append(taken - done)
            yield number

    def work(number: int) -> None:
        nonlocal done
        done += 1

    work_through(items(), work, threads=4, cancelled=threading.Event())
    assert max(ahead) <= 5


def test_a_thread_that_hangs_does_not_hold_up_a_cancel() -> None:
    cancelled, released = threading.Event(), threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    started = time.monotonic()

    def hang(number: int) -> None:
        released.wait(30)

    work_through([1], hang, threads=1, cancelled=cancelled)
    assert time.monotonic() - started < 2.2
    released.set()


def test_a_mistake_in_the_work_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        work_through([0, 0, 0], lambda number: print(1 // number), threads=2, cancelled=threading.Event())


def test_what_the_beat_raises_ends_the_threads() -> None:
    cancelled = threading.Event()

    def beat() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_through(iter(int, 1), lambda _: time.sleep(0.01), threads=2, cancelled=cancelled, beat=beat)
    assert cancelled.is_set()


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_gate_narrows_once_for_what_is_told_at_the_same_time_and_widens_step_by_step() -> None:
    clock = _Clock()
    gate = Gate(16, clock=clock)
    assert gate.limit == 16
    for _ in range(16):
        gate.throttled()
    assert gate.limit == 11
    clock.now += 1.0
    gate.throttled()
    assert gate.limit == 7
    rounds = 0
    while gate.limit < 16:
        for _ in range(gate.limit):
            gate.went_well()
        rounds += 1
    assert 7 <= rounds <= 11, "one more in each round"
    for _ in range(100):
        gate.went_well()
    assert gate.limit == 16


@given(st.integers(1, 256), st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=200))
def test_a_gate_is_never_shut_and_never_wider_than_it_was_made(most: int, told: list[tuple[bool, float]]) -> None:
    clock = _Clock()
    gate = Gate(most, clock=clock)
    for well, seconds in told:
        clock.now += seconds
        before = gate.limit
        gate.went_well() if well else gate.throttled()
        assert 1 <= gate.limit <= most
        assert gate.limit >= before if well else gate.limit <= before


def test_no_more_work_at_a_time_than_the_gate_lets_through() -> None:
    clock = _Clock()
    gate = Gate(8, clock=clock)
    for _ in range(6):
        clock.now += 1.0
        gate.throttled()
    assert gate.limit == 1
    working, most, one = 0, 0, threading.Lock()

    def work(number: int) -> None:
        nonlocal working, most
        with one:
            working += 1
            most = max(most, working)
        time.sleep(0.001)
        with one:
            working -= 1

    work_through(range(60), work, threads=8, cancelled=threading.Event(), gate=gate)
    assert most == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 6))
def test_work_may_add_work_and_all_of_it_is_done_once(depths: list[int], threads: int) -> None:
    done: list[tuple[int, ...]] = []

    def work(item: tuple[int, ...]) -> list[tuple[int, ...]]:
        done.append(item)
        return [(*item[:-1], item[-1] - 1, child, item[-1] - 1) for child in range(2)] if item[-1] else []

    items: list[tuple[int, ...]] = [(number, depth) for number, depth in enumerate(depths)]
    work_through(items, work, threads=threads, cancelled=threading.Event())
    assert len(done) == len(set(done)) == sum(2 ** (depth + 1) - 1 for depth in depths)


def test_what_work_adds_is_done_before_new_items_are_begun() -> None:
    order: list[int] = []

    def work(item: int) -> list[int]:
        order.append(item)
        return [item + 1, item + 2] if item % 10 == 0 else []

    work_through([0, 10, 20], work, threads=1, cancelled=threading.Event())
    assert order == [0, 1, 2, 10, 11, 12, 20, 21, 22]


def test_a_cancel_wakes_those_who_wait_once_and_begins_nothing_new() -> None:
    cancelled, woken = threading.Event(), threading.Event()
    interrupts: list[float] = []
    begun: list[int] = []

    def interrupt() -> None:
        interrupts.append(time.monotonic())
        woken.set()

    def work(item: int) -> list[int]:
        begun.append(item)
        woken.wait(30)
        return [item + 1000]

    threading.Timer(0.2, cancelled.set).start()
    began = time.monotonic()
    work_through(range(100), work, threads=4, cancelled=cancelled, interrupt=interrupt)
    assert time.monotonic() - began < 1.5
    assert len(interrupts) == 1
    assert sorted(begun) == [0, 1, 2, 3]
