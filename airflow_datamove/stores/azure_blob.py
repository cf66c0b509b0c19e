"""``abfs://``: a container of Azure Blob Storage, by its REST interface.

The connection is Airflow's ``wasb`` type (see ``azure_login``). Directories exist by what is in them; an empty one is
a marker, a blob of no bytes with the metadata ``hdi_isfolder=true`` as Hadoop writes it, and ``a/`` of no bytes is
taken for one too. Both are hidden. In an account with a hierarchical namespace, whose directories are real, the blob
interface shows each of them as such a marker, and makes one of such a marker.

Metadata that Azure cannot hold is dropped (see ``azure_metadata``).
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from typing import cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, StoreError, StoreUnavailable, WrongUse
from airflow_datamove.stores import azure_metadata as meta
from airflow_datamove.stores import azure_reader as checked
from airflow_datamove.stores.azure_answers import NAME, code, failure
from airflow_datamove.stores.azure_client import ContainerClient
from airflow_datamove.stores.azure_listing import listing
from airflow_datamove.stores.azure_login import azure_account
from airflow_datamove.stores.azure_server_side import BlobCopier, Lender, can_reach
from airflow_datamove.stores.azure_upload import BlobUpload
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
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.keys import FlatStore, children, impossible
from airflow_datamove.stores.temporary import is_temporary

_MIB = 2**20
# "Scalability and performance targets for Blob storage" of the vendor: blocks of a blob, and bytes of a block.
_RULES = PartRules(least=4 * _MIB, size=4 * _MIB, largest=4000 * _MIB, most=50_000)
# What Azure turns into something else (a backslash into a slash, a segment's last dot into nothing), so that a read of
# one name could be a read of another's, or cannot list (its listings are XML). rclone's back-end for Azure Blob Storage
# encodes the same ones. Half a surrogate pair is no text.
_IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\\\ud800-\udfff]|\.(/|$)")
# "Naming and referencing containers" of the vendor, and the containers that the service itself makes. The service says
# that a name is impossible in the words that it has for a blob's; how short one may be is left to it.
_CONTAINER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*|\$[a-z]+")


def open_store(address: Address, connections: Connections) -> Store:
    """The container of an address.

    :raises WrongUse: if the connection cannot be used, or no container can have this name.
    """
    if not _CONTAINER.fullmatch(address.authority):
        raise WrongUse(
            f"{address.authority!r} cannot be the name of a container",
            remedy="Azure's have 3 to 63 lower-case letters, digits and single hyphens",
        )
    account = azure_account(connections.get(address.connection_id))
    return AzureBlobStore(ContainerClient(account, address.authority))


class AzureBlobStore(FlatStore):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities(
        checksum="md5", flat=True, parts=_RULES, metadata=True, cloud=True, forks=True, parts_within=True
    )

    def __init__(self, client: ContainerClient) -> None:
        self._client = client
        self._copier, self._lender = BlobCopier(client), Lender(client)
        # Azurite refuses to be asked for it; an emulator is known by the account's name in its paths.
        self._sends_crc64 = not client.account.path

    def stat(self, path: str) -> Entry:
        """See :class:`Store`."""
        if path != "/":
            found = self._head(path)
            if found is not None:
                return found
        if self._any_below(self._prefix(path)) or path == "/":
            return Entry(path, Kind.DIRECTORY)
        raise NotFound("there is nothing here", path=path)

    def list(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`."""
        prefix = self._prefix(path)
        found = [
            Entry(each.path.removesuffix("/"), Kind.DIRECTORY) if each.path.endswith("/") else each
            for each in listing(self._client, prefix, one_level=True)
        ]
        if not found:
            self._require_directory(path)
        here = f"/{prefix}".removesuffix("/")
        yield from children(each for each in found if each.path != here)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        """See :class:`Store`. A range of at most 4 MiB is checked against the service's CRC-64, if it sends one."""
        if path == "/" or length == 0:
            return self._nothing(path)
        headers: dict[str, str] = {}
        if offset or length is not None:
            headers["x-ms-range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
            if self._sends_crc64 and length is not None and length <= checked.LARGEST:
                headers[checked.ASKED] = "true"
        if version:
            headers["if-match"] = version
        stream = self._client.stream(self._where(path), headers)
        answer = stream.answer
        if checked.ASKED in headers and code(answer) == "FeatureNotSupported":
            self._sends_crc64 = False
            return self.open(path, offset=offset, length=length, version=version)
        if answer.status == 416:
            return self._nothing(path)
        if answer.status not in (200, 206):
            raise failure(answer, path)
        if meta.is_folder(meta.metadata_of(answer.headers), answer.headers.get("x-ms-resource-type")):
            stream.close()
            raise NotFound("not a file", path=path)
        if headers.get("x-ms-range") and answer.status != 206:
            stream.close()
            raise StoreUnavailable(f"{NAME} sent all where a range was asked for", path=path)
        if checked.SENT in answer.headers and checked.ASKED in headers:
            return cast(Reader, checked.CheckedReader(stream, path, answer.headers[checked.SENT]))
        return cast(Reader, stream)

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        """See :class:`Store`: one "Put Blob", whose MD5 the service compares, and keeps."""
        md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "content-md5": md5,
            "x-ms-blob-content-md5": md5,
            "x-ms-blob-content-type": meta.content_type(attributes),
            **meta.metadata_headers(attributes, {}),
        }
        answer = self._client.call("PUT", self._where(path), path, headers=headers, body=data, pace=pace)
        return Put(meta.entry_of_sent(path, len(data), headers, answer.headers), "md5")

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        """See :class:`Store`."""
        self._refuse_root(path)
        return BlobUpload(
            self._client,
            self._key(path),
            path,
            size=size,
            part_size=part_size,
            identity=identity,
            attributes=attributes,
        )

    def make_directory(self, path: str) -> None:
        """See :class:`Store`: a marker."""
        if path == "/":
            return
        found = self._head(path)
        if found is None:
            headers = {"x-ms-blob-type": "BlockBlob", f"x-ms-meta-{meta.FOLDER}": "true", "if-none-match": "*"}
            # Somebody has made it meanwhile: 409, or 412 in a hierarchical account.
            self._client.call("PUT", self._where(path), path, headers=headers, accept=(409, 412))
        elif found.kind is Kind.FILE:
            raise AlreadyExists("a file stands there", path=path)

    def delete(self, path: str) -> None:
        """See :class:`Store`."""
        try:
            entry = self.stat(path)
        except NotFound:
            return
        if entry.kind is Kind.DIRECTORY:
            marker = self._prefix(path)
            if any(each.path != f"/{marker}" for each in listing(self._client, marker, most=2)):
                raise StoreError("the directory is not empty", path=path)
            self._delete_blob(marker, path)
        self._delete_blob(self._key(path), path)

    def is_both(self, path: str) -> bool:
        """See :class:`Store`."""
        return self._any_below(self._prefix(path))

    def can_copy_from(self, source: Store) -> bool:
        """See :class:`Store`: from any account that the service of this one can read."""
        return isinstance(source, AzureBlobStore) and can_reach(self._client.account, source._client.account)

    def copy_from(self, source: Store, entry: Entry, path: str, attributes: Attributes = NO_ATTRIBUTES) -> Put:
        """See :class:`Store`: one call, and one that looks what has come of it."""
        self._refuse_root(path)
        return self._copier.copy(source, entry, self._key(path), path, attributes)

    def lend(self, path: str) -> str:
        """A URL that lets the service of another account read a blob for an hour: a secret."""
        return self._lender.url(self._key(path))

    def leftovers(self, path: str) -> Iterator[Entry]:
        """See :class:`Store`. Blocks that were never committed are none: Azure drops them by itself."""
        return (each for each in listing(self._client, self._prefix(path)) if is_temporary(each.name))

    def interrupt(self) -> None:
        """See :class:`Store`."""
        self._client.interrupt()

    def close(self) -> None:
        """See :class:`Store`."""
        self._client.close()

    def _make_root(self) -> None:
        """See :class:`FlatStore`: "Create Container"."""
        answer = self._client.call("PUT", "", "/", query={"restype": "container"}, accept=(409,))
        if answer.status == 409 and code(answer) not in ("ContainerAlreadyExists", "ResourceAlreadyExists"):
            raise failure(answer, "/")

    def _where(self, path: str) -> str:
        self._refuse_root(path)
        return self._client.blob(self._key(path))

    def _head(self, path: str) -> Entry | None:
        """The blob of a path; ``None`` if there is none."""
        answer = self._client.call("HEAD", self._where(path), path, accept=(404,))
        if answer.status != 404:
            return meta.entry_of_headers(path, answer.headers)
        if _no_container(answer):
            raise failure(answer, path)
        return None

    def _any_below(self, prefix: str) -> bool:
        return next(listing(self._client, prefix, most=1), None) is not None

    def _nothing(self, path: str) -> Reader:
        if self.stat(path).kind is not Kind.FILE:
            raise NotFound("not a file", path=path)
        return io.BytesIO()

    def _delete_blob(self, key: str, path: str) -> None:
        if key:
            answer = self._client.call("DELETE", self._client.blob(key), path, accept=(404,))
            if answer.status == 404 and _no_container(answer):
                raise failure(answer, path)

    def _below(self, prefix: str) -> Iterator[Entry]:
        return listing(self._client, prefix)

    def _refuse_impossible(self, path: str) -> None:
        if _IMPOSSIBLE.search(path):
            raise impossible(path, NAME)

    def _refuse_root(self, path: str) -> None:
        if path == "/":
            raise StoreError("the root is no file", path=path)


def _no_container(answer: Answer) -> bool:
    return code(answer) == "ContainerNotFound"
