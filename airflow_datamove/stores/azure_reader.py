"""A range of a blob that is checked against the CRC-64 that the service sends with it.

"Get Blob" with ``x-ms-range-get-content-crc64`` answers ranges of at most 4 MiB with ``x-ms-content-crc64``: base64 of
the eight bytes, the least significant one first, of the CRC that is known as CRC-64/NVME.
"""

from __future__ import annotations

import base64
import io

from awscrt.checksums import crc64nvme

from airflow_datamove.errors import VerificationFailed
from airflow_datamove.stores.http_client import Stream

LARGEST = 4 * 2**20
"""Bytes of a range that the service sends a CRC-64 with."""
ASKED = "x-ms-range-get-content-crc64"
SENT = "x-ms-content-crc64"


class CheckedReader(io.RawIOBase):
    """Gives what a stream gives, and fails where the end would be if it is not what the service sent."""

    def __init__(self, stream: Stream, path: str, expected: str) -> None:
        self._stream, self._path = stream, path
        self._expected = int.from_bytes(base64.b64decode(expected), "little")
        self._crc = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """See :class:`~airflow_datamove.stores.http_client.Stream`.

        :raises VerificationFailed: with the last bytes, if any has changed on its way.
        """
        count = self._stream.readinto(buffer)
        self._crc = crc64nvme(memoryview(buffer).cast("B")[:count], self._crc)
        if self._stream.left == 0 and self._crc != self._expected:
            raise VerificationFailed(f"{self._path}: what arrived is not what the store sent (crc64)")
        return count

    def close(self) -> None:
        """Lets go of the connection."""
        self._stream.close()
        super().close()
