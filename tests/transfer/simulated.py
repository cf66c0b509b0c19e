"""Threads on a clock that stands still while any of them works: :class:`SimulatedTime`."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Sequence


class SimulatedTime:
    """A clock, and a sleep, for threads that :meth:`run` runs. One works at a time; time goes on when all sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._count = 0

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Ends when the clock is so much further, and it is this thread's turn."""
        turn = threading.Event()
        self._add(max(0.0, seconds), turn)
        self._pass_on()
        turn.wait()

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Runs each on a thread of its own, to the end of all."""
        turns = [threading.Event() for _ in works]

        def live(work: Callable[[], None], turn: threading.Event) -> None:
            turn.wait()
            try:
                work()
            finally:
                self._pass_on()

        pairs = zip(works, turns, strict=True)
        threads = [threading.Thread(target=live, args=pair, daemon=True) for pair in pairs]
        for thread in threads:
            thread.start()
        for turn in turns:
            self._add(0.0, turn)
        self._pass_on()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()

    def _add(self, seconds: float, turn: threading.Event) -> None:
        self._count += 1
        heapq.heappush(self._sleeping, (self.now + seconds, self._count, turn))

    def _pass_on(self) -> None:
        if self._sleeping:
            at, _, turn = heapq.heappop(self._sleeping)
            self.now = max(self.now, at)
            turn.set()
