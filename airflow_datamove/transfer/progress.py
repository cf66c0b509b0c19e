"""How far a copy is: :class:`Progress`, counted by a :class:`Meter` that all threads share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_WINDOW = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a copy is."""

    files_done: int
    files: int
    bytes_done: int
    """Bytes that have passed; those of a failed try of a file are taken back."""
    bytes: int
    rate: float
    """Bytes per second over the last five seconds."""


class Meter:
    """Counts what passes. Safe to use from several threads.

    :param files: how many files there are to copy.
    :param size: their bytes.
    """

    def __init__(self, files: int, size: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._size, self._clock = files, size, clock
        self._lock = threading.Lock()
        self._files_done = self._bytes_done = 0
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def passed(self, count: int) -> None:
        """``count`` bytes have passed; a negative number takes back those of a failed try."""
        with self._lock:
            self._bytes_done += count

    def finished(self) -> None:
        """One more file is done."""
        with self._lock:
            self._files_done += 1

    def read(self) -> Progress:
        """The state now."""
        now = self._clock()
        with self._lock:
            done, files_done = self._bytes_done, self._files_done
            self._seen.append((now, done))
            while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW:
                self._seen.popleft()
            then, before = self._seen[0]
        rate = max(0.0, (done - before) / (now - then)) if now > then else 0.0
        return Progress(files_done, self._files, done, self._size, rate)
