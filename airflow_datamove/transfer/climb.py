"""Finding out how many threads are worth having: :class:`Climb`."""

from __future__ import annotations

import time
from collections.abc import Callable

_FIRST = 4
_WINDOW = 0.5
"""Seconds over which throughput is measured."""
_WORTH = 1.15
"""So many times the throughput must come of twice the threads, or they are not worth having: each one costs CPU time,
above all where the interpreter is what they all wait for."""
_PATIENCE = 20
"""Windows after which more threads are tried once again: a link that was busy may be free now."""
_WORSE = 0.6
_MANY, _BUSY = 200.0, 0.7
"""Files a second, and processor cores, from which on it is the interpreter that the threads wait for: then more of them
only cost more."""


class Climb:
    """Begins with a few threads, doubles them as long as that brings more, and goes back one step when it does not.

    :param most: threads.
    :param processor: CPU seconds of this process until now.
    """

    def __init__(
        self,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.process_time,
    ) -> None:
        self._most, self._clock, self._processor = most, clock, processor
        self.limit = min(_FIRST, most)
        """Threads that are worth having, as far as is known."""
        self._before = 0
        self._rate = self._rate_before = 0.0
        self._since: tuple[float, float, int, float] | None = None
        self._resting = 0

    def look(self, done: float, files: int) -> None:
        """Told now and then how much has been done.

        :param done: in whatever unit grows with the work.
        :param files: so many of them.
        """
        now, used = self._clock(), self._processor()
        if self._since is None:
            if done > 0:
                self._since = (now, done, files, used)
            return
        then, done_then, files_then, used_then = self._since
        seconds = now - then
        if seconds < _WINDOW:
            return
        self._since = (now, done, files, used)
        crowded = (files - files_then) / seconds > _MANY and (used - used_then) / seconds > _BUSY
        self._judge((done - done_then) / seconds, crowded)

    def _judge(self, rate: float, crowded: bool) -> None:
        if crowded:
            self.limit, self._before, self._resting = max(min(_FIRST, self._most), self.limit // 2), 0, _PATIENCE
        elif self._resting:
            self._resting -= 1
            if rate < _WORSE * self._rate:
                self._resting = 0
            if not self._resting:
                self._rate = rate
                self._grow()
        elif not self._before or rate >= _WORTH * self._rate_before:
            self._rate = rate
            self._grow()
        else:
            self.limit, self._before = self._before, 0
            self._resting = _PATIENCE

    def _grow(self) -> None:
        if self.limit >= self._most:
            self._before = 0
            self._resting = _PATIENCE
            return
        self._before, self._rate_before = self.limit, self._rate
        self.limit = min(self._most, 2 * self.limit)
