"""The threads of a copy: :func:`work_through`. How many work at a time follows what the two ends bear."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from airflow_datamove.transfer.climb import Climb

T = TypeVar("T")

_BEAT = 0.25
_PATIENCE = 1.5
"""Seconds that a thread is given to clean up after a cancel; one that hangs in a dead connection does so later."""
_LESS = 0.7
_REST = 1.0


class Gate:
    """How many threads may work at a time: fewer when a server asks for fewer requests, one more after each round
    without that (additive increase, multiplicative decrease, as TCP does: RFC 5681), and no more than bring something.

    :param most: threads.
    :param climb: finds out how many bring something; ``None``: all.
    """

    def __init__(self, most: int, *, climb: Climb | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._climb, self._clock = most, climb, clock
        self._limit = float(most)
        self._shrunk = clock() - _REST
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Threads that may work now, at least 1."""
        limit = max(1, int(self._limit))
        return limit if self._climb is None else min(limit, self._climb.limit)

    def look(self, done: float, files: int) -> None:
        """Told now and then how much has been done; see :meth:`Climb.look`."""
        if self._climb is not None:
            self._climb.look(done, files)

    def went_well(self) -> None:
        """A piece of work was done."""
        if self._limit < self._most:
            with self._lock:
                self._limit = min(self._most, self._limit + 1 / max(1.0, self._limit))

    def throttled(self) -> None:
        """A server asked for fewer requests. What several threads are told within a second counts once."""
        with self._lock:
            now = self._clock()
            if now - self._shrunk >= _REST:
                self._shrunk = now
                self._limit = max(1.0, self._limit * _LESS)


class _Crew(Generic[T]):
    def __init__(self, items: Iterator[T], work: Callable[[T], Iterable[T] | None], cancelled: threading.Event) -> None:
        self._items, self._work, self._cancelled = items, work, cancelled
        self._first: deque[T] = deque()
        self._change = threading.Condition()
        self._working = 0
        self._exhausted = False
        self._over = threading.Event()  # one of them has found nothing left to do
        self.failed: list[BaseException] = []

    def run(self, number: int, gate: Gate) -> None:
        try:
            while (taken := self._next(number, gate)) is not None:
                more: Iterable[T] = ()
                try:
                    more = self._work(taken[0]) or ()
                finally:
                    with self._change:
                        self._first.extend(more)
                        self._working -= 1
                        # Waking who has nothing to do costs more than a small file.
                        if self._first or not self._working:
                            self._change.notify_all()
        except BaseException as error:
            with self._change:
                self.failed.append(error)
                self._change.notify_all()
        self._over.set()

    def _next(self, number: int, gate: Gate) -> tuple[T] | None:
        while number >= gate.limit:
            if self._over.wait(_BEAT) or self._cancelled.is_set():
                return None
        with self._change:
            while True:
                if self._cancelled.is_set() or self.failed:
                    return None
                if self._first:
                    self._working += 1
                    return (self._first.popleft(),)
                if not self._exhausted:
                    try:
                        item = next(self._items)
                    except StopIteration:
                        self._exhausted = True
                        continue
                    self._working += 1
                    return (item,)
                if not self._working:
                    self._change.notify_all()
                    return None
                self._change.wait(_BEAT)


def work_through(
    items: Iterable[T],
    work: Callable[[T], Iterable[T] | None],
    *,
    threads: int,
    cancelled: threading.Event,
    beat: Callable[[], None] | None = None,
    gate: Gate | None = None,
    interrupt: Callable[[], None] | None = None,
) -> None:
    """Calls ``work`` for every item on up to ``threads`` threads, and ``beat`` four times a second on this one. Items
    are taken from the iterator one by one, so that memory does not grow with their number.

    :param work: may give further items, which are done before the next one of ``items``. Must not raise; if it does,
        the others end after the item they are at and the error is raised here.
    :param cancelled: once it is set no new item is begun, and this returns within two seconds.
    :param interrupt: called once when that happens: wakes who waits for a server.
    """
    gate = gate or Gate(threads)
    crew = _Crew(iter(items), work, cancelled)
    members: list[threading.Thread] = []

    def enlist() -> None:
        """Threads are begun as the gate opens: one that waits costs something too."""
        for number in range(len(members), min(threads, gate.limit)):
            member = threading.Thread(target=crew.run, args=(number, gate), name=f"datamove-{number}", daemon=True)
            members.append(member)
            member.start()

    enlist()
    try:
        while any(member.is_alive() for member in members):
            _first_alive(members).join(_BEAT)
            enlist()
            if beat is not None:
                beat()
            if cancelled.is_set():
                break
    except BaseException:
        cancelled.set()  # whoever interrupts this thread wants the others to end as well
        raise
    finally:
        if cancelled.is_set():
            if interrupt is not None:
                interrupt()
            until = time.monotonic() + _PATIENCE
            for member in members:
                member.join(max(0.0, until - time.monotonic()))
    if crew.failed:
        raise crew.failed[0]


def _first_alive(members: list[threading.Thread]) -> threading.Thread:
    return next((member for member in members if member.is_alive()), members[0])
