"""A checksum of the bytes as they pass, to be compared with what a store says of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

from awscrt.checksums import crc32c

_PATIENCE = 300.0


class Digest:
    """The cheapest checksum among those that a store gives for a file; none if it gives none that is known here.

    :param expected: algorithm to lower-case hex, as in :class:`~airflow_datamove.stores.contract.Entry`.
    """

    def __init__(self, expected: Mapping[str, str]) -> None:
        self.algorithm = next((name for name in ("crc32c", "md5") if name in expected), "")
        self._expected = expected.get(self.algorithm, "")
        self._crc = 0
        self._md5 = hashlib.md5(usedforsecurity=False) if self.algorithm == "md5" else None

    def update(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end."""
        if self._md5 is not None:
            self._md5.update(data)
        elif self.algorithm:
            self._crc = crc32c(data, self._crc)

    def matches(self) -> bool:
        """True if what passed is what the store said; also where it said nothing."""
        if not self.algorithm:
            return True
        return (f"{self._crc:08x}" if self._md5 is None else self._md5.hexdigest()) == self._expected


class OrderedDigest:
    """A digest of parts that come from several threads, each of which waits for its turn.

    If a part does not come in time (its thread waits for memory, or has failed), the digest is given up: then it says
    nothing about the content.
    """

    def __init__(self, expected: Mapping[str, str]) -> None:
        self._digest = Digest(expected)
        self._next = 0
        self._turn = threading.Condition()
        self._given_up = False

    def update(self, index: int, data: memoryview) -> None:
        """Adds a part, once all before it have been."""
        with self._turn:
            if not self._turn.wait_for(lambda: self._given_up or self._next >= index, _PATIENCE):
                self._given_up = True
                self._turn.notify_all()
            if self._given_up or self._next != index:
                return
        self._digest.update(data)
        with self._turn:
            self._next += 1
            self._turn.notify_all()

    def give_up(self) -> None:
        """A part will not come."""
        with self._turn:
            self._given_up = True
            self._turn.notify_all()

    def matches(self, parts: int) -> bool | None:
        """Whether all parts together are what the store said; ``None`` where that cannot be told."""
        if self._given_up or self._next != parts or not self._digest.algorithm:
            return None
        return self._digest.matches()
