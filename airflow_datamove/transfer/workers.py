"""A fixed number of threads that take work from one iterator: memory does not grow with the number of files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

_BEAT = 0.25
_PATIENCE = 1.5
"""Seconds that a thread is given to clean up after a cancel; one that hangs in a dead connection does so later."""


def work_through(
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    threads: int,
    cancelled: threading.Event,
    beat: Callable[[], None] | None = None,
) -> None:
    """Calls ``work`` for every item on ``threads`` threads, and ``beat`` four times a second on this one.

    :param work: must not raise; if it does, the others end after the item they are at and the error is raised here.
    :param cancelled: once it is set no new item is begun, and this returns within two seconds.
    """
    iterator = iter(items)
    lock = threading.Lock()
    failed: list[BaseException] = []
    left = threads
    over = threading.Event()

    def run() -> None:
        nonlocal left
        try:
            while not cancelled.is_set() and not failed:
                with lock:
                    try:
                        item = next(iterator)
                    except StopIteration:
                        break
                work(item)
        except BaseException as error:
            failed.append(error)
        finally:
            with lock:
                left -= 1
                if left == 0:
                    over.set()

    for number in range(threads):
        threading.Thread(target=run, name=f"datamove-{number}", daemon=True).start()
    try:
        while not over.wait(_BEAT):
            if beat is not None:
                beat()
            if cancelled.is_set():
                over.wait(_PATIENCE)
                break
    except BaseException:
        cancelled.set()  # whoever interrupts this thread wants the others to end as well
        over.wait(_PATIENCE)
        raise
    if failed:
        raise failed[0]
