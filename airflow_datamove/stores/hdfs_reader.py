"""The bytes of a file of HDFS, of one version."""

from __future__ import annotations

import io
from collections.abc import Callable

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.stores.http_client import Stream


class CheckedReader(io.RawIOBase):
    """Gives what a data node sends.

    :param check: called once, when the last byte has come; raises if the file is no longer the same. HDFS itself does
        not say which version it sends. Who stops earlier is told nothing.
    """

    def __init__(self, stream: Stream, path: str, check: Callable[[], None] | None) -> None:
        self._stream, self._path, self._check = stream, path, check

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """See :class:`~airflow_datamove.stores.http_client.Stream`."""
        try:
            count = self._stream.readinto(buffer)
        except StoreUnavailable as error:
            raise StoreUnavailable(error.message, path=self._path, remedy=error.remedy) from None
        if self._check is not None and (self._stream.left == 0 or (count == 0 and len(buffer) > 0)):
            check, self._check = self._check, None
            check()
        return count

    def close(self) -> None:
        """Lets go of the connection."""
        self._stream.close()
        super().close()
