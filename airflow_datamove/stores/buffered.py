"""Writing from beginning to end to a store that takes whole objects and parts: :class:`BufferedWriter`."""

from __future__ import annotations

import uuid

from awscrt.checksums import combine_crc32c, crc32c

from airflow_datamove.errors import VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Store, Upload, Writer


class BufferedWriter(Writer):
    """Gathers what is written into parts; what fits into one piece is put whole.

    :param size: bytes that will be written.
    :param part_size: bytes of a part.
    :param least: content of up to so many bytes is put whole.
    """

    def __init__(
        self, store: Store, path: str, size: int, attributes: Attributes, *, part_size: int, least: int
    ) -> None:
        self._store, self._path, self._size, self._attributes = store, path, size, attributes
        self._part_size = part_size
        self._whole = size <= least
        self._buffer = bytearray()
        self._written = self._parts = self._crc = 0
        self._upload: Upload | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end; a part that is full is sent."""
        view = memoryview(data)
        self._written += len(view)
        if self._written > self._size:
            raise VerificationFailed(f"{self._path}: more bytes came than the {self._size} that were announced")
        self._buffer += view
        while not self._whole and len(self._buffer) >= self._part_size:
            part = bytes(self._buffer[: self._part_size])
            del self._buffer[: self._part_size]
            self._send(part)

    def commit(self) -> Entry:
        """Sends what is left, and publishes in one act."""
        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes came where {self._size} were announced")
        if self._whole:
            entry, self.verified_by = self._store.put(self._path, memoryview(bytes(self._buffer)), self._attributes)
            return entry
        if self._buffer:
            self._send(bytes(self._buffer))
            self._buffer.clear()
        assert self._upload is not None
        entry = self._upload.commit(f"{self._crc:08x}")
        self.verified_by = self._upload.verified_by
        self._upload.close()
        self._upload = None
        return entry

    def abort(self) -> None:
        """Removes what was sent."""
        self._buffer.clear()
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.abort()
            upload.close()

    def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = self._store.upload(
                self._path,
                size=self._size,
                part_size=self._part_size,
                identity=uuid.uuid4().hex,  # of this try alone: nobody can know what the next bytes will be
                attributes=self._attributes,
            )
            self._upload.held()
        crc = crc32c(part)
        self._upload.put(self._parts, memoryview(part), f"{crc:08x}")
        self._crc = combine_crc32c(self._crc, crc, len(part))
        self._parts += 1
