"""An object in parts: each an object of its own beside it, which the service composes to one at the end.

"Objects: compose" of the vendor's JSON API takes 32 objects at a time, and none of their bytes passes through here.
More of them are composed to intermediate objects first. All of these have temporary names that follow from the upload's
identity, so that another try finds them, and are deleted once the object is there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from awscrt.checksums import combine_crc32c

from airflow_datamove.errors import NotFound, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores import gcs_metadata as meta
from airflow_datamove.stores.contract import Attributes, Entry, Pace, Upload, no_pace
from airflow_datamove.stores.gcs_answers import FIELDS, entry_of
from airflow_datamove.stores.gcs_client import BucketClient
from airflow_datamove.stores.gcs_listing import listing
from airflow_datamove.stores.temporary import named_path, part_path

_AT_ONCE = 32
"""Objects that one call composes at most."""
_THREADS = 8
_TRIES = 4


class _Piece(NamedTuple):
    """An object that is composed to a larger one."""

    key: str
    generation: str
    size: int
    crc32c: int


class ComposedUpload(Upload):
    """See :class:`~airflow_datamove.stores.contract.Upload`. Safe to use from several threads."""

    verified_by = "crc32c"

    def __init__(
        self, client: BucketClient, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes
    ) -> None:
        self._client, self._path = client, path
        self._size, self._part_size = size, part_size
        self._count = max(1, -(-size // part_size))
        self._identity, self._attributes = identity, attributes
        self._lock = threading.Lock()
        self._parts: dict[int, _Piece] = {}
        self._over = False

    def held(self) -> Mapping[int, str | None]:
        """See :class:`Upload`: one listing. A part counts if its length is the plan's."""
        found = self._held()
        with self._lock:
            self._parts.update(found)
        return {index: f"{piece.crc32c:08x}" for index, piece in found.items()}

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :class:`Upload`."""
        if len(data) != self._length(index):
            raise StoreError(f"part {index} has {len(data)} bytes, not {self._length(index)}", path=self._path)
        key = part_path(self._path, self._identity, index)[1:]
        made = self._client.insert_plain(key, self._path, data, crc32c, pace)
        with self._lock:
            self._parts[index] = _piece(key, made)

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :class:`Upload`. The parts are composed as they were when their checksums were told."""
        with self._lock:
            parts = dict(self._parts)
        for attempt in range(_TRIES):
            if attempt or len(parts) < self._count:
                parts = self._held()
            if len(parts) < self._count:
                break
            pieces = [parts[index] for index in range(self._count)]
            expected = f"{_combined(pieces):08x}"
            if crc32c is not None and crc32c != expected:
                raise VerificationFailed(f"{self._path}: the parts have the crc32c {expected}, the source has {crc32c}")
            try:
                made = self._composed(pieces, expected)
            except NotFound:
                continue  # another try has written a part anew, or has published and taken them away
            except StoreUnavailable:
                if (published := self._published()) is not None:
                    return published
                raise
            self._over = True
            self._clear(attempted=pieces)
            return made
        published = self._published()
        if published is not None:
            self._over = True
            return published
        lacking = sorted(set(range(self._count)) - set(parts))
        raise StoreUnavailable(
            f"part {lacking[0]} of {self._count} is missing" if lacking else "the parts change all the time",
            path=self._path,
        )

    def abort(self) -> None:
        """See :class:`Upload`."""
        if not self._over:
            self._over = True
            self._clear()

    def _length(self, index: int) -> int:
        return max(0, min(self._part_size, self._size - index * self._part_size))

    def _ours(self) -> Iterable[Entry]:
        """Everything that has a name of this identity."""
        return listing(self._client, named_path(self._path, self._identity, "")[1:])

    def _held(self) -> dict[int, _Piece]:
        found: dict[int, _Piece] = {}
        for entry in self._ours():
            number, _, ending = entry.name.rpartition(f"{self._identity}.")[2].partition(".")
            index = int(number) if number.isdecimal() and ending == "part" else -1
            if 0 <= index < self._count and entry.size == self._length(index) and "crc32c" in entry.checksums:
                found[index] = _piece(entry.path[1:], entry)
        return found

    def _composed(self, pieces: Sequence[_Piece], expected: str) -> Entry:
        """Composes the object, by way of intermediate ones where there are too many for one call."""
        made = 0
        with ThreadPoolExecutor(_THREADS) as pool:
            while len(pieces) > _AT_ONCE:
                groups = [pieces[start : start + _AT_ONCE] for start in range(0, len(pieces), _AT_ONCE)]
                numbers = range(made, made + len(groups))
                made += len(groups)
                pieces = list(pool.map(self._intermediate, numbers, groups))
        document = meta.resource(self._attributes, {meta.UPLOAD: self._identity})
        entry = self._compose(self._path[1:], pieces, document)
        return self._client.verified(entry, self._path[1:], self._size, expected)

    def _intermediate(self, number: int, pieces: Sequence[_Piece]) -> _Piece:
        if len(pieces) == 1:
            return pieces[0]
        key = named_path(self._path, self._identity, f"{number:06d}.done")[1:]
        entry = self._compose(key, pieces, {"contentType": meta.OCTETS})
        size = sum(piece.size for piece in pieces)
        return _piece(key, self._client.verified(entry, key, size, f"{_combined(pieces):08x}"))

    def _compose(self, key: str, pieces: Sequence[_Piece], document: Mapping[str, Any]) -> Entry:
        found = self._client.ask(
            "POST",
            f"{self._client.object(key)}/compose",
            self._path,
            query={"fields": FIELDS},
            document={
                "sourceObjects": [{"name": piece.key, "generation": piece.generation} for piece in pieces],
                "destination": document,
            },
        )
        return entry_of(self._path, found)

    def _clear(self, attempted: Sequence[_Piece] = ()) -> None:
        """Deletes the parts and what was made of them. What resists (a bucket that keeps objects for a time) stays, and
        is told among the store's leftovers."""
        keys = {piece.key for piece in attempted}
        if not attempted or len(attempted) > _AT_ONCE:
            with suppress(StoreError):
                keys |= {entry.path[1:] for entry in self._ours()}

        def delete(key: str) -> None:
            with suppress(StoreError):
                self._client.delete(key, self._path)

        if len(keys) < 4:
            for key in keys:
                delete(key)
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(delete, sorted(keys)))

    def _published(self) -> Entry | None:
        """What another try of the same identity has published."""
        try:
            found = self._client.ask("GET", self._client.object(self._path[1:]), self._path, query={"fields": FIELDS})
        except NotFound:
            return None
        same = (found.get("metadata") or {}).get(meta.UPLOAD) == self._identity
        entry = entry_of(self._path, found)
        return entry if same and entry.size == self._size else None


def _piece(key: str, entry: Entry) -> _Piece:
    return _Piece(key, entry.version or "0", entry.size, int(entry.checksums["crc32c"], 16))


def _combined(pieces: Iterable[_Piece]) -> int:
    crc = 0
    for piece in pieces:
        crc = combine_crc32c(crc, piece.crc32c, piece.size)
    return crc
