"""Memory for what is on its way: :class:`Buffers`, one budget for all threads of a copy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

BUDGET = 128 * 2**20
"""Bytes."""
_SMALL = 2**15
"""Bytes; what each thread may have of it besides is no matter."""


class Buffers:
    """Lends buffers, and makes who wants one wait while too much is lent. They are used again, because asking the
    system for fresh memory costs as much as copying it.

    :param budget: bytes lent at a time; a buffer that is larger by itself is lent while no other is.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._lent = 0
        self._kept: list[bytearray] = []
        self._free = threading.Condition()

    @contextmanager
    def lend(self, size: int) -> Iterator[memoryview]:
        """A buffer of exactly ``size`` bytes, whatever they are; never use it after the block."""
        if size <= _SMALL:  # cheaper to make than to account for
            yield memoryview(bytearray(size))
            return
        buffer = self._take(size)
        try:
            with memoryview(buffer) as view, view[:size] as exact:
                yield exact
        finally:
            self._give_back(buffer)

    def _take(self, size: int) -> bytearray:
        size = max(size, 2**12)
        with self._free:
            while self._lent and self._lent + size > self._budget:
                self._free.wait()
            for index in range(len(self._kept) - 1, -1, -1):
                if size <= len(self._kept[index]) <= max(2 * size, 2**16):
                    buffer = self._kept.pop(index)
                    break
            else:
                buffer = bytearray(size)
                while self._kept and self._lent + len(buffer) + sum(map(len, self._kept)) > self._budget:
                    self._kept.pop(0)
            self._lent += len(buffer)
            return buffer

    def _give_back(self, buffer: bytearray) -> None:
        with self._free:
            self._lent -= len(buffer)
            if self._lent + len(buffer) + sum(map(len, self._kept)) <= self._budget:
                self._kept.append(buffer)
            self._free.notify_all()
