"""How far a copy is: :class:`Progress`, counted by a :class:`Meter` that all threads share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_WINDOW = 5.0
_SHOWN = 8
_FILE = 2**16
"""Bytes that move in the time that a file of none takes."""


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
    current: tuple[str, ...] = ()
    """Some of the files that are being copied now."""

    @property
    def seconds_left(self) -> float | None:
        """At this rate; ``None`` while nothing moves."""
        return max(0, self.bytes - self.bytes_done) / self.rate if self.rate > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**asdict(self), "current": list(self.current), "seconds_left": self.seconds_left}


class Meter:
    """Counts what passes. Safe to use from several threads.

    :param files: how many files there are to copy.
    :param size: their bytes.
    """

    def __init__(self, files: int, size: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._size, self._clock = files, size, clock
        self._lock = threading.Lock()
        self._files_done = self._bytes_done = 0
        self._current: dict[str, None] = {}
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def passed(self, count: int) -> None:
        """``count`` bytes have passed; a negative number takes back those of a failed try."""
        with self._lock:
            self._bytes_done += count

    def found(self, count: int) -> None:
        """``count`` bytes need not pass, because they are there already: done, and no part of the rate."""
        with self._lock:
            self._bytes_done += count
            self._seen = deque((at, done + count) for at, done in self._seen)

    def started(self, name: str) -> None:
        """A file is being copied."""
        if len(self._current) < _SHOWN:
            with self._lock:
                self._current[name] = None

    def finished(self, name: str, *, done: bool = True) -> None:
        """A file is no longer being copied; one more is done, unless it failed."""
        with self._lock:
            self._files_done += done
            self._current.pop(name, None)

    @property
    def files_done(self) -> int:
        """Files that are done."""
        return self._files_done

    @property
    def work(self) -> float:
        """How much has been done, where a small file is as much work as its bytes take in a large one."""
        return self._bytes_done + _FILE * self._files_done

    def read(self) -> Progress:
        """The state now."""
        now = self._clock()
        with self._lock:
            done, files_done, current = self._bytes_done, self._files_done, tuple(self._current)
            self._seen.append((now, done))
            while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW:
                self._seen.popleft()
            then, before = self._seen[0]
        rate = max(0.0, (done - before) / (now - then)) if now > then else 0.0
        return Progress(files_done, self._files, done, self._size, rate, current)
