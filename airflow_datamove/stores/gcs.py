"""``gs://``: a bucket of Google Cloud Storage, by its JSON API.

The connection is Airflow's ``google_cloud_platform`` type (see ``google_login``). Directories exist by what is in
them; an empty one is a marker, the key ``a/`` of no bytes, which is hidden.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, SourceChanged, StoreError, StoreUnavailable, WrongUse
from airflow_datamove.stores import gcs_metadata as meta
from airflow_datamove.stores.capabilities import Capabilities, PartRules
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Kind,
    Pace,
    Put,
    Reader,
    Store,
    Upload,
    no_pace,
)
from airflow_datamove.stores.gcs_answers import FIELDS, NAME, entry_of, failure
from airflow_datamove.stores.gcs_client import BucketClient, read
from airflow_datamove.stores.gcs_copy import rewrite
from airflow_datamove.stores.gcs_listing import listing
from airflow_datamove.stores.gcs_upload import ComposedUpload
from airflow_datamove.stores.google_login import google_login
from airflow_datamove.stores.keys import FlatStore, children, impossible
from airflow_datamove.stores.temporary import is_temporary

_MIB = 2**20
# Composing 32 objects at a time, so many take 1,057 calls. An object may have 5 TiB.
_RULES = PartRules(least=16 * _MIB, size=16 * _MIB, most=32**3)
# https://cloud.google.com/storage/docs/objects#naming; half a surrogate pair is no text.
_IMPOSSIBLE = re.compile(r"[\r\n\ud800-\udfff]|^/\.well-known/acme-challenge/|^/\.{1,2}$")
# https://cloud.google.com/storage/docs/buckets#naming; how long one may be is left to the service.
_BUCKET = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def open_store(address: Address, connections: Connections) -> Store:
    """The bucket of an address.

    :raises WrongUse: if the connection cannot be used, or no bucket can have this name.
    """
    if not _BUCKET.fullmatch(address.authority):
        raise WrongUse(
            f"{address.authority!r} cannot be the name of a bucket",
            remedy="Cloud Storage's have 3 to 63 lower-case letters, digits, -, _ and dots",
        )
    login = google_login(connections.get(address.connection_id))
    return GcsStore(BucketClient(login, address.authority))


class GcsStore(FlatStore):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities(checksum="crc32c", flat=True, parts=_RULES, metadata=True, cloud=True, forks=True)

    def __init__(self, client: BucketClient) -> None:
        self._client = client

    def stat(self, path: str) -> Entry:
        """See :class:`Store`."""
        if path != "/" and (found := self._file(path)) is not None:
            return found
        if self._any_below(self._prefix(path)) or path == "/":
            return Entry(path, Kind.DIRECTORY)
        raise NotFound("there is nothing here", path=path)

    def list(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        prefix = self._prefix(path)
        found = list(listing(self._client, prefix, one_level=True))
        if not found:
            self._require_directory(path)
        yield from children(each for each in found if each.path != f"/{prefix}")

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        """See :class:`Store`. The content comes as it is stored, never unpacked on the way."""
        if path == "/" or length == 0:
            return self._nothing(path)
        query = {"generation": version} if version else {}
        headers: dict[str, str] = {}
        if offset or length is not None:
            headers["range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
        stream = self._client.stream(self._client.object(self._key(path)), query, headers)
        status = stream.answer.status
        if status == 416:
            return io.BytesIO()
        if status == 404 and version:
            raise SourceChanged(f"{path} is gone, or has been replaced")
        if status not in (200, 206):
            raise failure(stream.answer, path)
        if headers and status != 206:
            stream.close()
            raise StoreUnavailable(f"{NAME} sent all where a range was asked for", path=path)
        return cast(Reader, stream)

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        """See :class:`Store`: one request, whose crc32c the service compares."""
        key = self._file_key(path)
        return Put(self._client.insert(key, path, data, meta.resource(attributes, {}), pace), "crc32c")

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        """See :class:`Store`."""
        self._file_key(path)
        return ComposedUpload(
            self._client, path, size=size, part_size=part_size, identity=identity, attributes=attributes
        )

    def make_directory(self, path: str) -> None:
        """See :class:`Store`: a marker."""
        if path == "/":
            return
        if self._file(path) is not None:
            raise AlreadyExists("a file stands there", path=path)
        query = {"uploadType": "media", "name": self._prefix(path), "ifGenerationMatch": "0"}
        self._client.call("POST", f"/upload{self._client.root}/o", path, query=query, accept=(412,))

    def delete(self, path: str) -> None:
        """See :class:`Store`."""
        key = self._key(path)
        if key and self._client.delete(key, path):
            return
        marker = self._prefix(path)
        below = [each.path for _, each in zip(range(2), listing(self._client, marker, most=2), strict=False)]
        if any(each != f"/{marker}" for each in below):
            raise StoreError("the directory is not empty", path=path)
        if below and marker:
            self._client.delete(marker, path)

    def is_both(self, path: str) -> bool:
        """See :class:`Store`."""
        return self._any_below(self._prefix(path))

    def can_copy_from(self, source: Store) -> bool:
        """See :class:`Store`: from any bucket that the same connection reads."""
        if not isinstance(source, GcsStore):
            return False
        ours, theirs = self._client.login, source._client.login
        return (ours.connection_id, ours.endpoint) == (theirs.connection_id, theirs.endpoint)

    def copy_from(self, source: Store, entry: Entry, path: str, attributes: Attributes = NO_ATTRIBUTES) -> Put:
        """See :class:`Store`."""
        assert isinstance(source, GcsStore)
        self._file_key(path)
        return rewrite(source._client, entry, self._client, path, attributes)

    def leftovers(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        return (each for each in listing(self._client, self._prefix(path)) if is_temporary(each.name))

    def interrupt(self) -> None:
        """See :class:`Store`."""
        self._client.interrupt()

    def close(self) -> None:
        """See :class:`Store`."""
        self._client.close()

    def _file(self, path: str) -> Entry | None:
        """The object of a path; ``None`` if there is none."""
        where = self._client.object(self._key(path))
        answer = self._client.call("GET", where, path, query={"fields": FIELDS}, accept=(404,))
        return entry_of(path, read(answer)) if answer.status != 404 else None

    def _file_key(self, path: str) -> str:
        if path == "/":
            raise StoreError("the root is no file", path=path)
        return self._key(path)

    def _make_root(self) -> None:
        """See :class:`FlatStore`: "Buckets: insert", in the connection's project."""
        login, name = self._client.login, self._client.bucket
        if not login.project:
            raise WrongUse(
                f"connection {login.connection_id!r} names no project to make a bucket in",
                remedy="Give project in the extra",
            )
        document = {"name": name, **({"location": login.location} if login.location else {})}
        query = {"project": login.project, "fields": "name"}
        with suppress(AlreadyExists):  # meanwhile
            self._client.ask("POST", "/storage/v1/b", "/", query=query, document=document)

    def _any_below(self, prefix: str) -> bool:
        return next(listing(self._client, prefix, most=1), None) is not None

    def _nothing(self, path: str) -> Reader:
        if path == "/" or self._file(path) is None:
            raise NotFound("not a file", path=path)
        return io.BytesIO()

    def _below(self, prefix: str) -> Iterator[Entry]:
        return listing(self._client, prefix)

    def _refuse_impossible(self, path: str) -> None:
        if _IMPOSSIBLE.search(path) or len(path.encode(errors="replace")) > 1025:
            raise impossible(path, NAME)
