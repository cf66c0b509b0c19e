"""Writing a file of HDFS from its beginning to its end: straight to a data node, under a temporary name."""

from __future__ import annotations

import time
from contextlib import suppress

from awscrt.checksums import crc32c

from airflow_datamove.errors import StoreError, VerificationFailed
from airflow_datamove.stores.contract import Entry, Writer
from airflow_datamove.stores.hdfs_answers import refusal
from airflow_datamove.stores.hdfs_publish import Checksums, publish
from airflow_datamove.stores.http_sending import Sending
from airflow_datamove.stores.temporary import temporary_path
from airflow_datamove.stores.webhdfs import WebHdfs, written


class FileWriter(Writer):
    """See :class:`~airflow_datamove.stores.contract.Writer`."""

    def __init__(self, web: WebHdfs, checksums: Checksums, path: str, size: int, modified: float | None) -> None:
        self._web, self._checksums = web, checksums
        self._path, self._size, self._modified = path, size, modified
        self._temporary = temporary_path(path)
        self._sending: Sending | None = None
        self._written = self._crc = 0
        self._over = False

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end; nothing is kept here."""
        if self._written + len(data) > self._size:
            raise VerificationFailed(f"{self._path}: more bytes came than the {self._size} that were announced")
        refused = self._begun().write(data)
        if refused is not None:
            raise refusal(refused, self._path)[1]
        self._crc = crc32c(data, self._crc)
        self._written += len(data)

    def commit(self) -> Entry:
        """Verifies, and publishes in one act."""
        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes came where {self._size} were announced")
        written(self._begun().finish(), self._path)
        entry, self.verified_by = publish(
            self._web,
            self._checksums,
            self._temporary,
            self._path,
            size=self._size,
            modified=self._modified,
            crc32c=f"{self._crc:08x}",
        )
        self._over = True
        return entry

    def abort(self) -> None:
        """Removes what was written."""
        if self._over:
            return
        self._over = True
        if self._sending is not None:
            self._sending.abort()
            remove(self._web, self._temporary)

    def _begun(self) -> Sending:
        if self._sending is None:
            self._sending = self._web.send(self._temporary, self._size, self._path)
        return self._sending


def remove(web: WebHdfs, path: str) -> None:
    """Removes a file that somebody here was writing when it went wrong."""
    # A data node that has just been cut off may still be creating it.
    for pause in (0.0, 0.05, 0.2, 0.5):
        if web.stopped:
            return
        time.sleep(pause)
        with suppress(StoreError):
            if web.call("DELETE", "DELETE", path)["boolean"]:
                return
