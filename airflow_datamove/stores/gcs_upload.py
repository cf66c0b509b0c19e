"""Writing one object: small content in one request, more of it in a resumable upload, both with crc32c.

The checksum goes with the content (with the last part of it), so that Cloud Storage refuses what arrived otherwise
and publishes nothing. It is compared once more with what the bucket then says.
"""

from __future__ import annotations

from typing import Any

from airflow_datamove.errors import StoreError, VerificationFailed
from airflow_datamove.stores.contract import Entry, Writer
from airflow_datamove.stores.gcs_answers import TIMEOUT, entry_of, errors, retry

_PART = 8 * 2**20
SINGLE = 8 * 2**20
"""Content of up to so many bytes goes in one request."""
_TYPE = "application/octet-stream"


class ObjectWriter(Writer):
    """See :class:`~airflow_datamove.stores.contract.Writer`."""

    verified_by = "crc32c"

    def __init__(self, blob: Any, path: str, size: int) -> None:
        import google_crc32c

        self._blob, self._path, self._size = blob, path, size
        self._crc: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self._written = 0
        self._buffer = bytearray()
        self._upload: Any = None

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end; whole parts are sent at once."""
        self._written += len(data)
        if self._written > self._size:
            raise VerificationFailed(f"{self._path}: more bytes came than the {self._size} that were announced")
        self._crc.update(data)
        if self._size <= SINGLE:
            self._buffer += data
            return
        with errors(self._path):
            if self._upload is None:
                self._upload = self._blob.open(
                    "wb", chunk_size=_PART, checksum="crc32c", content_type=_TYPE, timeout=TIMEOUT, retry=retry()
                )
            self._upload.write(data)

    def commit(self) -> Entry:
        """Sends what is left, and publishes in one act."""
        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes came where {self._size} were announced")
        with errors(self._path):
            in_parts = self._upload is not None
            if in_parts:
                self._upload.close()
                self._upload = None
                self._blob.reload(timeout=TIMEOUT, retry=retry())
            else:
                self._blob.upload_from_string(
                    bytes(self._buffer), content_type=_TYPE, checksum="crc32c", timeout=TIMEOUT, retry=retry()
                )
        self._buffer.clear()
        entry = entry_of(self._path, self._blob)
        if entry.size != self._size or entry.checksums.get("crc32c") != self._crc.digest().hex():
            if not in_parts:  # else what stands there may be another writer's, published since
                with errors(self._path):
                    self._blob.delete(if_generation_match=self._blob.generation, timeout=TIMEOUT, retry=retry())
            raise VerificationFailed(f"{self._path}: what arrived has another length or crc32c")
        return entry

    def abort(self) -> None:
        """Gives up the upload; nothing of it was visible."""
        self._buffer.clear()
        if self._upload is not None:
            upload, self._upload = self._upload, None
            try:
                with errors(self._path):
                    upload.terminate()
            except StoreError:
                return  # an upload that is never finished is dropped by the server after a week
