"""Writing one blob: small content in one request, more of it in blocks, both with MD5.

Azure checks the MD5 of what it receives before it keeps it, and nothing is visible before the blocks are committed.
Blocks that are not committed are invisible, and Azure drops them after a week or at the next commit.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from threading import BoundedSemaphore
from typing import Any

from airflow_datamove.errors import VerificationFailed
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.azure_answers import errors, quoted
from airflow_datamove.stores.contract import Entry, Kind, Writer

_BLOCK = 4 * 2**20
_MOST_BLOCKS = 50_000
SINGLE = 8 * 2**20
"""Content of up to so many bytes goes in one request."""


class BlobWriter(Writer):
    """See :class:`~airflow_datamove.stores.contract.Writer`.

    :param in_flight: how many blocks may be in memory for all writers of a store together.
    """

    def __init__(
        self,
        blob: Any,
        path: str,
        size: int,
        metadata: Mapping[str, str],
        pool: Executor,
        in_flight: BoundedSemaphore,
    ) -> None:
        self.verified_by = "md5" if size <= SINGLE else "md5 of each block"
        self._blob, self._path, self._size = blob, path, size
        self._metadata = dict(metadata)
        self._pool, self._in_flight = pool, in_flight
        self._block = size if size <= SINGLE else max(_BLOCK, -(-size // _MOST_BLOCKS))
        self._buffer = bytearray()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._written = 0
        # All blocks of one blob need ids of one length; those of another try must not be these.
        self._try = uuid.uuid4().hex
        self._ids: list[str] = []
        self._staged: list[Future[None]] = []

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end; whole blocks are sent in the background."""
        self._written += len(data)
        if self._written > self._size:
            raise VerificationFailed(f"{self._path}: more bytes came than the {self._size} that were announced")
        self._md5.update(data)
        self._buffer += data
        while self._size > SINGLE and len(self._buffer) >= self._block:
            self._stage(bytes(memoryview(self._buffer)[: self._block]))
            del self._buffer[: self._block]

    def commit(self) -> Entry:
        """Sends what is left, and publishes in one act."""
        from azure.storage.blob import ContentSettings

        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes came where {self._size} were announced")
        settings = ContentSettings(content_type="application/octet-stream", content_md5=bytearray(self._md5.digest()))
        with errors(self._path):
            if self._size <= SINGLE:
                made = self._blob.upload_blob(
                    bytes(self._buffer),
                    length=self._size,
                    overwrite=True,
                    validate_content=True,
                    content_settings=settings,
                    metadata=self._metadata,
                )
            else:
                if self._buffer:
                    self._stage(bytes(self._buffer))
                self._settle()
                made = self._blob.commit_block_list(
                    [_block(each) for each in self._ids], content_settings=settings, metadata=self._metadata
                )
        self._buffer.clear()
        checksums = {"md5": self._md5.hexdigest()}
        modified = times.read(self._metadata, made["last_modified"])
        return Entry(self._path, Kind.FILE, self._size, modified, checksums, quoted(made["etag"]))

    def abort(self) -> None:
        """Sends no further block; those that were sent stay invisible."""
        for future in self._staged:
            future.cancel()
        self._staged.clear()
        self._buffer.clear()

    def _stage(self, data: bytes) -> None:
        # The id is base64 of equal-length text, as Azure asks for.
        block_id = base64.b64encode(f"{self._try}{len(self._ids):08d}".encode()).decode()
        self._ids.append(block_id)
        self._settle(only_done=True)
        self._in_flight.acquire()
        try:
            future = self._pool.submit(self._send, block_id, data)
        except BaseException:
            self._in_flight.release()
            raise
        future.add_done_callback(self._release())
        self._staged.append(future)

    def _send(self, block_id: str, data: bytes) -> None:
        with errors(self._path):
            self._blob.stage_block(block_id, data, length=len(data), validate_content=True)

    def _release(self) -> Callable[[Future[None]], None]:
        semaphore = self._in_flight
        return lambda _: semaphore.release()

    def _settle(self, *, only_done: bool = False) -> None:
        """Raises what a block failed with."""
        left: list[Future[None]] = []
        for future in self._staged:
            if only_done and not future.done():
                left.append(future)
            else:
                future.result()
        self._staged = left


def _block(block_id: str) -> Any:
    from azure.storage.blob import BlobBlock

    return BlobBlock(block_id)
