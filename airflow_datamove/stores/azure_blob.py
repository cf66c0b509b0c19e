"""``abfs://``: a container of Azure Blob Storage, without a hierarchical namespace.

The connection is Airflow's ``wasb`` type (see ``azure_login``). Directories exist by what is in them; an empty one is
a marker, a blob of no bytes with the metadata ``hdi_isfolder=true`` as Hadoop writes it, and ``a/`` of no bytes is
taken for one too. Both are hidden.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, StoreError, StoreUnavailable
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.azure_answers import errors, quoted
from airflow_datamove.stores.azure_login import blob_service
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import NO_ATTRIBUTES, Attributes, Capabilities, Entry, Kind, Reader, Store, Writer
from airflow_datamove.stores.keys import FlatStore, children, impossible
from airflow_datamove.stores.ranges import RangeReader

_MARKER = "hdi_isfolder"
_BLOCKS_IN_FLIGHT = 12
_THREADS = 8
# What Azure turns into something else (a backslash into a slash, a segment's last dot into nothing), so that a read of
# one name could be a read of another's, or cannot list (its listings are XML). rclone's back-end for Azure Blob Storage
# encodes the same ones.
_IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\\]|\.(/|$)")


def open_store(address: Address, connections: Connections) -> Store:
    """The container of an address.

    :raises WrongUse: if the connection cannot be used.
    """
    service = blob_service(connections.get(address.connection_id))
    return _AzureBlobStore(service, address.authority)


class _AzureBlobStore(FlatStore):
    capabilities = Capabilities(checksum="md5", flat=True)

    def __init__(self, service: Any, container: str) -> None:
        self._service = service
        self._container = service.get_container_client(container)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="datamove-block")
        self._in_flight = BoundedSemaphore(_BLOCKS_IN_FLIGHT)

    def stat(self, path: str) -> Entry:
        with errors(path):
            if path != "/":
                with suppress(NotFound), errors(path):
                    return _entry(path, self._blob(path).get_blob_properties())
            if next(iter(self._pages(self._prefix(path), 1)), None) is not None or path == "/":
                return Entry(path, Kind.DIRECTORY)
        raise NotFound("there is nothing here", path=path)

    def list(self, path: str) -> Iterator[Entry]:
        self._require_directory(path)
        prefix = self._prefix(path)
        with errors(path):
            found = self._container.walk_blobs(name_starts_with=prefix, include=["metadata"], delimiter="/")
            entries = [
                Entry(f"/{each.name[:-1]}", Kind.DIRECTORY)
                if each.name.endswith("/")
                else _entry(f"/{each.name}", each)
                for each in found
                if each.name != prefix
            ]
        yield from children(entries)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        if length == 0 or path == "/":
            if self.stat(path).kind is not Kind.FILE:
                raise NotFound("not a file", path=path)
            return io.BytesIO()
        reader = RangeReader(_Download(self, self._blob(path), path, version), offset, length, None)
        reader.fill()
        return cast(Reader, reader)

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        from airflow_datamove.stores.azure_upload import BlobWriter

        return BlobWriter(self._blob(path), path, size, times.written(attributes.modified), self._pool, self._in_flight)

    def make_directory(self, path: str) -> None:
        if path == "/":
            return
        with errors(path):
            with suppress(NotFound), errors(path):
                if _entry(path, self._blob(path).get_blob_properties()).kind is Kind.FILE:
                    raise AlreadyExists("a file stands there", path=path)
                return
            try:
                self._blob(path).upload_blob(b"", length=0, metadata={_MARKER: "true"}, overwrite=False)
            except _http_error() as error:
                if error.status_code != 409:
                    raise

    def delete(self, path: str) -> None:
        try:
            entry = self.stat(path)
        except NotFound:
            return
        if entry.kind is Kind.DIRECTORY:
            marker = self._prefix(path)
            if any(key != marker for key in self._pages(marker, 2)):
                raise StoreError("the directory is not empty", path=path)
            self._delete_blob(marker)
        self._delete_blob(self._key(path))

    def is_both(self, path: str) -> bool:
        marker = self._prefix(path)
        with errors(path):
            return next(iter(self._pages(marker, 1)), None) is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._service.close()

    def _blob(self, path: str) -> Any:
        return self._container.get_blob_client(self._key(path))

    def _delete_blob(self, key: str) -> None:
        with suppress(NotFound), errors(f"/{key}"):
            self._container.delete_blob(key)

    def _pages(self, prefix: str, count: int) -> Iterator[str]:
        """The first ``count`` keys with a prefix."""
        found = self._container.list_blobs(name_starts_with=prefix, results_per_page=count)
        for _, blob in zip(range(count), found, strict=False):
            yield blob.name

    def _below(self, prefix: str) -> Iterator[Entry]:
        with errors(f"/{prefix}"):
            for blob in self._container.list_blobs(name_starts_with=prefix, include=["metadata"]):
                yield _entry(f"/{blob.name}", blob)

    def _refuse_impossible(self, path: str) -> None:
        if _IMPOSSIBLE.search(path):
            raise impossible(path, "Azure Blob Storage")


class _Download:
    """Fetches ranges of one blob, all of the same version."""

    def __init__(self, store: Store, blob: Any, path: str, version: str | None) -> None:
        self._store, self._blob, self._path, self._version = store, blob, path, version
        self._answered = False

    def __call__(self, start: int, count: int) -> bytes:
        from azure.core import MatchConditions

        condition: dict[str, Any] = {}
        if self._version:
            condition = {"etag": self._version, "match_condition": MatchConditions.IfNotModified}
        with errors(self._path):
            try:
                found = self._blob.download_blob(offset=start, length=count, max_concurrency=1, **condition)
            except _http_error() as error:
                if error.status_code != 416:
                    raise
                # Nothing is left to read; of a blob without bytes that says not whether it is a directory's marker.
                if not self._answered and self._store.stat(self._path).kind is not Kind.FILE:
                    raise NotFound("not a file", path=self._path) from None
                return b""
            properties = found.properties
            if (properties.metadata or {}).get(_MARKER) == "true":
                raise NotFound("not a file", path=self._path)
            data = bytes(found.readall())
        if len(data) != found.size:
            raise StoreUnavailable(f"{len(data)} bytes came where {found.size} were announced", path=self._path)
        self._answered, self._version = True, self._version or quoted(properties.etag)
        return data


def _entry(path: str, properties: Any) -> Entry:
    metadata = properties.metadata or {}
    modified = times.read(metadata, properties.last_modified)
    if any(key.lower() == _MARKER and value == "true" for key, value in metadata.items()):
        return Entry(path, Kind.DIRECTORY, modified=modified)
    md5 = properties.content_settings.content_md5
    checksums = {"md5": bytes(md5).hex()} if md5 else {}
    return Entry(path, Kind.FILE, properties.size, modified, checksums, quoted(properties.etag))


def _http_error() -> type[Any]:
    from azure.core.exceptions import HttpResponseError

    return cast(type[Any], HttpResponseError)
