"""``hdfs://``: an HDFS, through WebHDFS.

The connection is Airflow's ``webhdfs`` type (see ``hdfs_login``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, SourceChanged, StoreError
from airflow_datamove.stores.capabilities import Capabilities, PartRules
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Kind,
    Measure,
    Pace,
    Put,
    Reader,
    Store,
    Upload,
    Writer,
    no_pace,
)
from airflow_datamove.stores.hdfs_answers import entry_of
from airflow_datamove.stores.hdfs_listing import statuses
from airflow_datamove.stores.hdfs_login import hdfs_login
from airflow_datamove.stores.hdfs_publish import Checksums, publish, status_of
from airflow_datamove.stores.hdfs_reader import CheckedReader
from airflow_datamove.stores.hdfs_upload import ConcatenatedUpload
from airflow_datamove.stores.hdfs_writer import FileWriter, remove
from airflow_datamove.stores.temporary import is_temporary, temporary_path
from airflow_datamove.stores.webhdfs import WebHdfs

_MIB = 2**20
_RULES = PartRules(least=64 * _MIB, size=64 * _MIB)


def open_store(address: Address, connections: Connections) -> Store:
    """The HDFS of a connection.

    :raises WrongUse: if the connection names no host.
    """
    return HdfsStore(WebHdfs(hdfs_login(connections.get(address.connection_id))))


class HdfsStore(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    # An OPEN asks the name node and then a data node, which it connects to anew.
    capabilities = Capabilities(checksum_asked=True, measure=True, parts=_RULES, forks=True, stretch=128 * _MIB)

    def __init__(self, web: WebHdfs) -> None:
        self._web = web
        self._checksums = Checksums(web)

    def can_hold(self, path: str) -> bool:
        """See :class:`Store`: ``DFSUtil.isValidName`` of Hadoop lets no colon pass."""
        return ":" not in path

    def stat(self, path: str) -> Entry:
        """See :class:`Store`."""
        return entry_of(path, status_of(self._web, path, path))

    def list(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        yield from sorted(self._children(path), key=lambda entry: entry.name)

    def walk(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        return (entry for entry in self._everything(path) if not is_temporary(entry.name))

    def checksums(self, entry: Entry) -> Mapping[str, str]:
        """See :class:`Store`. What a cluster gives by default depends on how it stores the file, and says so in its
        name: ``MD5-of-0MD5-of-512CRC32C``. Two of one name can be compared."""
        return self._checksums.of(entry.path, entry.path)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        """See :class:`Store`."""
        check = partial(self._check, path, version) if version is not None else None
        if length == 0:
            return self._nothing(path, version)
        limits = {"offset": str(offset)} if offset else {}
        if length is not None:
            limits["length"] = str(length)
        try:
            stream = self._web.open(path, **limits)
        except NotFound:
            raise
        except StoreError as error:
            # WebHDFS refuses an offset at the end.
            if not offset or error.retryable or self.stat(path).size > offset:
                raise
            return self._nothing(path, version)
        return cast(Reader, CheckedReader(stream, path, check))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        """See :class:`Store`."""
        return FileWriter(self._web, self._checksums, path, size, attributes.modified)

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        """See :class:`Store`: created under a temporary name (the name node, then a data node), given its time, looked
        at, and renamed."""
        temporary = temporary_path(path)
        try:
            self._web.write(temporary, data, path, pace)
            return publish(
                self._web,
                self._checksums,
                temporary,
                path,
                size=len(data),
                modified=attributes.modified,
                crc32c=f"{crc32c(data):08x}",
            )
        except BaseException:
            remove(self._web, temporary)
            raise

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        """See :class:`Store`."""
        return ConcatenatedUpload(
            self._web,
            self._checksums,
            path,
            size=size,
            part_size=part_size,
            identity=identity,
            modified=attributes.modified,
        )

    def make_directory(self, path: str) -> None:
        """See :class:`Store`."""
        if not self._web.call("PUT", "MKDIRS", path)["boolean"]:
            raise AlreadyExists("a file stands there", path=path)

    def delete(self, path: str) -> None:
        """See :class:`Store`."""
        try:
            self._web.call("DELETE", "DELETE", path, {"recursive": "false"})
        except NotFound:
            return
        except StoreError:
            # What killed tries left behind is no content, and goes with its directory.
            if not self._holds_nothing(path):
                raise
            self._web.call("DELETE", "DELETE", path, {"recursive": "true"})

    def measure(self, path: str) -> Measure:
        """See :class:`Store`."""
        found = self._web.call("GET", "GETCONTENTSUMMARY", path)["ContentSummary"]
        is_directory = found["directoryCount"] > 0
        return Measure(found["fileCount"], found["directoryCount"] - is_directory, found["length"])

    def leftovers(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        return (entry for entry in self._everything(path) if is_temporary(entry.name))

    def interrupt(self) -> None:
        """See :class:`Store`."""
        self._web.interrupt()

    def close(self) -> None:
        """See :class:`Store`."""
        self._web.close()

    def _children(self, path: str) -> Iterator[Entry]:
        base = path.rstrip("/")
        for name, status in statuses(self._web, path):
            if not is_temporary(name):
                yield entry_of(f"{base}/{name}", status)

    def _everything(self, path: str) -> Iterator[Entry]:
        """All below a directory, unfinished things too."""
        pending = [path]
        while pending:
            directory = pending.pop()
            base = directory.rstrip("/")
            for name, status in statuses(self._web, directory):
                entry = entry_of(f"{base}/{name}", status)
                yield entry
                if entry.kind is Kind.DIRECTORY:
                    pending.append(entry.path)

    def _nothing(self, path: str, version: str | None) -> Reader:
        if self.stat(path).kind is not Kind.FILE:
            raise NotFound("not a file", path=path)
        if version is not None:
            self._check(path, version)
        return io.BytesIO()

    def _check(self, path: str, version: str | None) -> None:
        try:
            now = self.stat(path).version
        except NotFound:
            now = None
        if now != version:
            raise SourceChanged(f"{path} changed while it was read")

    def _holds_nothing(self, path: str) -> bool:
        try:
            return next(self._children(path), None) is None
        except StoreError:
            return False
