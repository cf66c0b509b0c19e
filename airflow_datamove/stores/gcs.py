"""``gs://``: a bucket of Google Cloud Storage.

The connection is Airflow's ``google_cloud_platform`` type (see ``google_login``). Directories exist by what is in
them; an empty one is a marker, the key ``a/`` of no bytes, which is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, SourceChanged, StoreError
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Capabilities,
    Entry,
    Kind,
    Put,
    Reader,
    Store,
    Writer,
)
from airflow_datamove.stores.gcs_answers import TIMEOUT, entry_of, errors, retry
from airflow_datamove.stores.google_login import storage_client
from airflow_datamove.stores.keys import FlatStore, children, impossible
from airflow_datamove.stores.ranges import RangeReader

_FIELDS = "items(name,size,updated,generation,crc32c,md5Hash,metadata),prefixes,nextPageToken"
# https://cloud.google.com/storage/docs/objects#naming
_IMPOSSIBLE = re.compile(r"[\r\n]|^/\.well-known/acme-challenge/|^/\.{1,2}$")


def open_store(address: Address, connections: Connections) -> Store:
    """The bucket of an address.

    :raises WrongUse: if the connection cannot be used.
    """
    client = storage_client(connections.get(address.connection_id))
    return _GcsStore(client, address.authority, address.connection_id)


class _GcsStore(FlatStore):
    capabilities = Capabilities(checksum="crc32c", flat=True)

    def __init__(self, client: Any, bucket: str, login: str) -> None:
        self._login = login
        self._client = client
        self._bucket = client.bucket(bucket)

    def stat(self, path: str) -> Entry:
        with errors(path):
            if path != "/":
                with suppress(NotFound), errors(path):
                    return self._file(path)
            if next(self._keys(self._prefix(path), 1), None) is not None:
                return Entry(path, Kind.DIRECTORY)
            if path == "/" and self._client.lookup_bucket(self._bucket, timeout=TIMEOUT, retry=retry()) is not None:
                return Entry(path, Kind.DIRECTORY)
        raise NotFound("there is no such bucket" if path == "/" else "there is nothing here", path=path)

    def list(self, path: str) -> Iterator[Entry]:
        self._require_directory(path)
        prefix = self._prefix(path)
        with errors(path):
            found = self._listed(prefix, delimiter="/")
            entries = [entry_of(f"/{blob.name}", blob) for blob in found if blob.name != prefix]
            entries += [Entry(f"/{each[:-1]}", Kind.DIRECTORY) for each in found.prefixes]
        yield from children(entries)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        with errors(path):
            if version is None or length == 0 or path == "/":
                if path == "/":
                    raise NotFound("not a file", path=path)
                version = self._file(path).version
            pinned = self._bucket.blob(self._key(path), generation=int(cast(str, version)))
        reader = RangeReader(_Download(pinned, path), offset, length, None)
        reader.fill()
        return cast(Reader, reader)

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        from airflow_datamove.stores.gcs_upload import ObjectWriter

        blob = self._blob(path)
        blob.metadata = times.written(attributes.modified)
        return ObjectWriter(blob, path, size)

    def make_directory(self, path: str) -> None:
        if path == "/":
            return
        with errors(path):
            with suppress(NotFound), errors(path):
                self._file(path)
                raise AlreadyExists("a file stands there", path=path)
            marker = self._bucket.blob(self._prefix(path))
            marker.upload_from_string(b"", timeout=TIMEOUT, retry=retry())

    def delete(self, path: str) -> None:
        if self._deleted(self._key(path)):
            return
        marker = self._prefix(path)
        with errors(path):
            if any(key != marker for key in self._keys(marker, 2)):
                raise StoreError("the directory is not empty", path=path)
        self._deleted(marker)

    def is_both(self, path: str) -> bool:
        with errors(path):
            return next(self._keys(self._prefix(path), 1), None) is not None

    def can_copy_from(self, source: Store) -> bool:
        return isinstance(source, _GcsStore) and source._login == self._login

    def copy_from(self, source: Store, entry: Entry, path: str, attributes: Attributes = NO_ATTRIBUTES) -> Put:
        assert isinstance(source, _GcsStore)
        made = self._blob(path)
        token = None
        with errors(path):
            while True:
                token, _, _ = made.rewrite(source._blob(entry.path), token=token, timeout=TIMEOUT, retry=retry())
                if token is None:
                    break
            made.reload(timeout=TIMEOUT, retry=retry())
            return Put(entry_of(path, made), "crc32c")

    def close(self) -> None:
        self._client.close()

    def _blob(self, path: str) -> Any:
        return self._bucket.blob(self._key(path))

    def _file(self, path: str) -> Entry:
        blob = self._blob(path)
        blob.reload(timeout=TIMEOUT, retry=retry())
        return entry_of(path, blob)

    def _deleted(self, key: str) -> bool:
        if not key:
            return False
        try:
            with errors(f"/{key}"):
                self._bucket.blob(key).delete(timeout=TIMEOUT, retry=retry())
        except NotFound:
            return False
        return True

    def _listed(self, prefix: str, **more: Any) -> Any:
        return self._client.list_blobs(
            self._bucket, prefix=prefix or None, fields=_FIELDS, timeout=TIMEOUT, retry=retry(), **more
        )

    def _keys(self, prefix: str, count: int) -> Iterator[str]:
        """The first ``count`` keys with a prefix."""
        for blob in self._client.list_blobs(
            self._bucket,
            prefix=prefix or None,
            max_results=count,
            fields="items(name),nextPageToken",
            timeout=TIMEOUT,
            retry=retry(),
        ):
            yield blob.name

    def _below(self, prefix: str) -> Iterator[Entry]:
        with errors(f"/{prefix}"):
            for blob in self._listed(prefix):
                yield entry_of(f"/{blob.name}", blob)

    def _refuse_impossible(self, path: str) -> None:
        if _IMPOSSIBLE.search(path) or len(path.encode(errors="replace")) > 1025:
            raise impossible(path, "Cloud Storage")


class _Download:
    """Fetches ranges of one generation of an object, as stored (never decompressed on the way)."""

    def __init__(self, blob: Any, path: str) -> None:
        self._blob, self._path = blob, path

    def __call__(self, start: int, count: int) -> bytes:
        from google.api_core import exceptions as google

        with errors(self._path):
            try:
                data: bytes = self._blob.download_as_bytes(
                    start=start,
                    end=start + count - 1,
                    raw_download=True,
                    checksum=None,
                    timeout=TIMEOUT,
                    retry=retry(),
                )
            except google.RequestRangeNotSatisfiable:
                return b""
            except google.NotFound:
                raise SourceChanged(f"{self._path} is gone, or has been replaced") from None
        return data
