"""A checksum of the bytes as they pass, to be compared with what a store says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast


class Hash(Protocol):
    """What :mod:`hashlib` objects and :mod:`google_crc32c` have in common."""

    def update(self, data: bytes, /) -> None:
        """Adds bytes to the end."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""


class Digest:
    """The cheapest checksum among those that a store gives for a file; none if it gives none that is known here.

    :param expected: algorithm to lower-case hex, as in :class:`~airflow_datamove.stores.contract.Entry`.
    """

    def __init__(self, expected: Mapping[str, str]) -> None:
        self.algorithm = next((name for name in ("crc32c", "md5") if name in expected), "")
        self._expected = expected.get(self.algorithm, "")
        self._hash = _new(self.algorithm)

    def update(self, data: bytes) -> None:
        """Adds bytes to the end."""
        if self._hash is not None:
            self._hash.update(data)

    def matches(self) -> bool:
        """True if what passed is what the store said; also where it said nothing."""
        return self._hash is None or self._hash.digest().hex() == self._expected


def _new(algorithm: str) -> Hash | None:
    if algorithm == "crc32c":
        import google_crc32c

        return cast(Hash, google_crc32c.Checksum())  # type: ignore[no-untyped-call]
    if algorithm == "md5":
        import hashlib

        return hashlib.md5(usedforsecurity=False)
    return None
