"""A list that may be longer than memory is large: :class:`Spool`."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Generic, TypeVar

T = TypeVar("T")

_BATCH = 1000
_BATCHES_IN_MEMORY = 20


class Spool(Generic[T]):
    """Things in the order in which they were added: the first twenty thousand in memory, the rest in a temporary file
    that has no name and ends with the process. Safe to add to from several threads.

    What is added must be picklable. It is never read back from anything but this process's own file.
    """

    def __init__(self) -> None:
        self._first: list[list[T]] = []
        self._last: list[T] = []
        self._file: IO[bytes] | None = None
        self._count = 0
        self._lock = threading.Lock()

    def append(self, item: T) -> None:
        """Adds one thing to the end."""
        with self._lock:
            self._last.append(item)
            self._count += 1
            if len(self._last) >= _BATCH:
                self._put_away()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Everything that had been added when the iteration began."""
        with self._lock:
            first, last = list(self._first), list(self._last)
            end = 0 if self._file is None else self._file.seek(0, 2)
        for batch in first:
            yield from batch
        at = 0
        while at < end:
            with self._lock:
                assert self._file is not None
                self._file.seek(at)
                batch = pickle.load(self._file)
                at = self._file.tell()
            yield from batch
        yield from last

    def close(self) -> None:
        """Gives the file back."""
        self._first, self._last, self._count = [], [], 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_away(self) -> None:
        batch, self._last = self._last, []
        if len(self._first) < _BATCHES_IN_MEMORY:
            self._first.append(batch)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="datamove-")  # noqa: SIM115
        self._file.seek(0, 2)
        pickle.dump(batch, self._file, protocol=pickle.HIGHEST_PROTOCOL)
