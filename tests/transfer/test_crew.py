from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from airflow_datamove.transfer.crew import work_through


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
