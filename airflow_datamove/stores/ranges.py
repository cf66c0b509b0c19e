"""Reading an object by requests for whole ranges of it: :class:`RangeReader`."""

from __future__ import annotations

import io
from collections.abc import Callable

LARGEST = 8 * 2**20
"""Bytes of one request, at most."""


class RangeReader(io.RawIOBase):
    """A stream over ranges that are fetched one after the other.

    :param fetch: gives ``count`` bytes from an offset; fewer of them only at the end of the object.
    :param length: how many bytes in all; ``None``: up to the end.
    :param ahead: how many bytes the next request may ask for.
    """

    def __init__(
        self, fetch: Callable[[int, int], bytes], offset: int, length: int | None, ahead: Callable[[], int] | None
    ) -> None:
        self._fetch, self._ahead = fetch, ahead
        self._at, self._left = offset, length
        self._over = length == 0
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def fill(self) -> None:
        """Gets the next range; nothing at the end."""
        if self._over:
            return
        wanted = LARGEST if self._ahead is None else max(1, min(LARGEST, self._ahead()))
        if self._left is not None:
            wanted = min(wanted, self._left)
        data = self._fetch(self._at, wanted)
        self._at += len(data)
        if self._left is not None:
            self._left -= len(data)
        self._over = len(data) < wanted or self._left == 0
        self._rest = memoryview(data)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Gives what is left of the range, and fetches the next one when nothing is."""
        if not self._rest:
            self.fill()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
