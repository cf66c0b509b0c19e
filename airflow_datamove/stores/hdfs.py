"""``hdfs://``: an HDFS, through WebHDFS.

The connection is Airflow's ``webhdfs`` type: ``host`` (several, separated by commas, for name nodes in high
availability), ``port`` (9870), ``login``; extra ``use_ssl`` and ``verify``.
"""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
    WrongUse,
)
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Capabilities,
    Entry,
    Kind,
    Measure,
    Reader,
    Store,
    Writer,
)
from airflow_datamove.stores.temporary import is_temporary, temporary_path
from airflow_datamove.stores.webhdfs import WebHdfs, away, remote_failure

_PORT = 9870
_KINDS = {"FILE": Kind.FILE, "DIRECTORY": Kind.DIRECTORY}


def open_store(address: Address, connections: Connections) -> Store:
    """The HDFS of a connection.

    :raises WrongUse: if the connection names no host.
    """
    connection = connections.get(address.connection_id)
    hosts = [host.strip() for host in connection.host.split(",") if host.strip()]
    if not hosts:
        raise WrongUse(
            f"connection {connection.id!r} names no host", remedy="Give the name node's host and WebHDFS port"
        )
    scheme = "https" if str(connection.option("use_ssl", "")).lower() in ("true", "1") else "http"
    urls = [
        f"{scheme}://{host}" if ":" in host else f"{scheme}://{host}:{connection.port or _PORT}"
        for host in (host.partition("://")[2] or host for host in hosts)
    ]
    verify = connection.option("verify", True)
    return _HdfsStore(WebHdfs(urls, connection.login, verify if isinstance(verify, (bool, str)) else True))


class _HdfsStore(Store):
    capabilities = Capabilities(measure=True)

    def __init__(self, web: WebHdfs) -> None:
        self._web = web

    def stat(self, path: str) -> Entry:
        return _entry(path, self._web.call("GET", "GETFILESTATUS", path)["FileStatus"])

    def list(self, path: str) -> Iterator[Entry]:
        # HDFS sorts names as signed bytes, so that Unicode comes first.
        yield from sorted(self._unsorted(path), key=lambda entry: entry.name)

    def walk(self, path: str) -> Iterator[Entry]:
        pending = [path]
        while pending:
            for entry in self._unsorted(pending.pop()):
                yield entry
                if entry.kind is Kind.DIRECTORY:
                    pending.append(entry.path)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        if offset or length is not None:
            # WebHDFS refuses an offset at the end and a length of nothing.
            size = self.stat(path).size
            length = max(0, min(size - offset, size if length is None else length))
            if length == 0:
                return io.BytesIO()
        limits = {"offset": str(offset)}
        if length is not None:
            limits["length"] = str(length)
        url = self._web.data_url("GET", "OPEN", path, **limits)
        connection = self._web.connect("GET", url, path)
        try:
            response = connection.getresponse()
            if response.status != 200:
                raise remote_failure(response.status, response.read(), path)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise away(path, "the data node", error) from None
        except DatamoveError:
            connection.close()
            raise
        return cast(Reader, _Reader(self, connection, response, path, version))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        return _Writer(self._web, path, size, attributes.modified)

    def make_directory(self, path: str) -> None:
        if not self._web.call("PUT", "MKDIRS", path)["boolean"]:
            raise AlreadyExists("a file stands there", path=path)

    def delete(self, path: str) -> None:
        try:
            self._web.call("DELETE", "DELETE", path, recursive="false")
        except NotFound:
            return
        except StoreError:
            # What killed tries left behind is no content, and goes with its directory.
            if not self._holds_nothing(path):
                raise
            self._web.call("DELETE", "DELETE", path, recursive="true")

    def measure(self, path: str) -> Measure:
        found = self._web.call("GET", "GETCONTENTSUMMARY", path)["ContentSummary"]
        is_directory = found["directoryCount"] > 0
        return Measure(found["fileCount"], found["directoryCount"] - is_directory, found["length"])

    def close(self) -> None:
        self._web.close()

    def _unsorted(self, path: str) -> Iterator[Entry]:
        after: dict[str, str] = {}
        while True:
            page = self._web.call("GET", "LISTSTATUS_BATCH", path, **after)["DirectoryListing"]
            found = page["partialListing"]["FileStatuses"]["FileStatus"]
            for status in found:
                name = status["pathSuffix"]
                if not name:  # asked after a file, HDFS lists the file itself
                    raise NotFound("not a directory", path=path)
                if not is_temporary(name):
                    yield _entry(f"{path.rstrip('/')}/{name}", status)
            if not page["remainingEntries"] or not found:
                return
            after = {"startAfter": found[-1]["pathSuffix"]}

    def _holds_nothing(self, path: str) -> bool:
        try:
            return next(self.list(path), None) is None
        except StoreError:
            return False


class _Reader(io.RawIOBase):
    def __init__(
        self,
        store: Store,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        path: str,
        version: str | None,
    ) -> None:
        self._store, self._connection, self._response = store, connection, response
        self._path, self._version = path, version
        self._left = response.length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            count = self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise away(self._path, "the data node", error) from None
        if self._left is not None:
            self._left -= count
            if count == 0 and self._left > 0 and len(buffer) > 0:
                # http.client takes a connection that is cut for the end.
                raise StoreUnavailable(f"the connection was cut {self._left} bytes before the end", path=self._path)
        if count == 0 and self._version is not None:
            try:
                now = self._store.stat(self._path).version
            except NotFound:
                now = None
            if now != self._version:
                raise SourceChanged(f"{self._path} changed while it was read")
            self._version = None
        return count

    def close(self) -> None:
        self._response.close()
        self._connection.close()
        super().close()


class _Writer(Writer):
    def __init__(self, web: WebHdfs, path: str, size: int, modified: float | None) -> None:
        self._web, self._path, self._size, self._modified = web, path, size, modified
        self._temporary = temporary_path(path)
        self._connection: http.client.HTTPConnection | None = None
        self._written = 0
        self._over = False

    def write(self, data: bytes | memoryview) -> None:
        if self._written + len(data) > self._size:
            raise VerificationFailed(f"{self._path}: more bytes came than the {self._size} that were announced")
        connection = self._connection or self._begin()
        try:
            connection.send(data)
        except OSError as error:
            raise self._refusal(connection, error) from None
        self._written += len(data)

    def commit(self) -> Entry:
        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes came where {self._size} were announced")
        connection = self._connection or self._begin()
        try:
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise away(self._path, "the data node", error) from None
        finally:
            connection.close()
        if response.status != 201:
            raise remote_failure(response.status, body, self._path)
        if self._modified is not None:
            self._web.call(
                "PUT", "SETTIMES", self._temporary, about=self._path, modificationtime=str(int(self._modified * 1000))
            )
        made = self._web.call("GET", "GETFILESTATUS", self._temporary, about=self._path)["FileStatus"]
        if made["length"] != self._size:
            raise VerificationFailed(f"{self._path}: {made['length']} bytes arrived of {self._size}")
        # FileSystem.rename with OVERWRITE replaces a file in one act, and never a directory that holds something.
        self._web.call(
            "PUT", "RENAME", self._temporary, about=self._path, destination=self._path, renameoptions="OVERWRITE"
        )
        self._over = True
        return _entry(self._path, made)

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        if self._connection is None:
            return
        self._connection.close()
        # A data node that has just been cut off may still be creating the file.
        for pause in (0.0, 0.05, 0.2, 0.5):
            time.sleep(pause)
            with suppress(StoreError):
                if self._web.call("DELETE", "DELETE", self._temporary)["boolean"]:
                    return

    def _begin(self) -> http.client.HTTPConnection:
        url = self._web.data_url("PUT", "CREATE", self._temporary, about=self._path, overwrite="false")
        self._connection = self._web.connect("PUT", url, self._path, size=self._size)
        return self._connection

    def _refusal(self, connection: http.client.HTTPConnection, error: OSError) -> StoreError:
        """Why the data node hung up: it may have said so before it did."""
        with suppress(OSError, http.client.HTTPException):
            response = connection.getresponse()
            if response.status >= 400:
                return remote_failure(response.status, response.read(), self._path)
        return away(self._path, "the data node", error)


def _entry(path: str, status: dict[str, Any]) -> Entry:
    kind = _KINDS.get(status["type"], Kind.SPECIAL)
    modified = status["modificationTime"] / 1000
    if kind is not Kind.FILE:
        return Entry(path, kind, modified=modified)
    version = f"{status['fileId']}-{status['modificationTime']}-{status['length']}"
    return Entry(path, kind, status["length"], modified, version=version)
