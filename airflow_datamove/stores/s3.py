"""``s3://``: a bucket of Amazon S3, or of a server that speaks like it.

The connection is Airflow's ``aws`` type (see ``aws_login``). Requests are S3's REST API itself. Directories exist by
what is in them; an empty one is a marker, the key ``a/`` of no bytes, which is hidden.

A listing tells the time of writing alone: when the file was last modified, its type and its metadata are told by
``stat``. A bucket for large files should have a lifecycle rule that ends incomplete uploads.
"""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator
from typing import cast

from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    NotSupported,
    SourceChanged,
    StoreError,
)
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.aws_login import aws_login
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
from airflow_datamove.stores.http_connection import Headers
from airflow_datamove.stores.keys import FlatStore, children, impossible
from airflow_datamove.stores.s3_answers import Page, code_of, entry_of, error_of, etag_is_md5, md5_of, page_of
from airflow_datamove.stores.s3_copy import LARGEST, CopySource, checked, copy_object
from airflow_datamove.stores.s3_headers import CRC32C, attribute_headers, checksum_in, content_type, kept
from airflow_datamove.stores.s3_pointer import delete_key, forget_upload, read_pointer
from airflow_datamove.stores.s3_proof import confirmed, proof
from airflow_datamove.stores.s3_service import S3Service
from airflow_datamove.stores.s3_upload import MultipartUpload
from airflow_datamove.stores.temporary import is_temporary

_MIB = 2**20
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_RULES = PartRules(least=8 * _MIB, size=8 * _MIB, smallest=5 * _MIB, largest=5 * 2**30, most=10_000)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html: such a segment may be taken for a way.
_IMPOSSIBLE = re.compile(r"(^|/)\.{1,2}(/|$)|\0")
_LONGEST = 1024
_TOLD = {"x-amz-checksum-mode": "ENABLED"}
_COPY_PART = 2**30


def open_store(address: Address, connections: Connections) -> Store:
    """The bucket of an address.

    :raises WrongUse: if the connection cannot be used.
    """
    return _S3Store(S3Service(aws_login(connections.get(address.connection_id)), address.authority))


class _S3Store(FlatStore, CopySource):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities(
        checksum="crc32c", flat=True, parts=_RULES, metadata=True, cloud=True, forks=True, parts_within=True
    )

    def __init__(self, service: S3Service) -> None:
        self.service = service
        self._checks_crc: bool | None = None
        self._etag_is_md5: bool | None = None

    def stat(self, path: str) -> Entry:
        if path != "/":
            found = self._head(path)
            if found is not None:
                return found
        page = self._page(self._prefix(path), count=1)
        if path == "/" or page.entries:
            return Entry(path, Kind.DIRECTORY)
        raise NotFound("there is nothing here", path=path)

    def list(self, path: str) -> Iterator[Entry]:
        prefix = self._prefix(path)
        found: list[Entry] = []
        empty = True
        for page in self._pages(prefix, "/"):
            found += [entry for entry in page.entries if entry.path != f"/{prefix}"]
            found += [Entry(f"/{each[:-1]}", Kind.DIRECTORY) for each in page.prefixes]
            empty = empty and not page.entries and not page.prefixes
        if empty and path != "/":
            raise NotFound("there is no such directory", path=path)
        yield from children(found)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        key = self._file_key(path)
        headers = {"if-match": f'"{version}"'} if version is not None else {}
        if length == 0:
            self._readable(self.service.call("HEAD", key, headers=headers), path, version)
            return cast(Reader, io.BytesIO())
        if offset or length is not None:
            headers["range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
        stream = self.service.stream(key, headers)
        answer = stream.answer
        if answer.status == 416:
            return cast(Reader, io.BytesIO())
        self._readable(answer, path, version)
        if "range" in headers and (
            answer.status != 206 or not answer.headers.get("content-range", "").startswith(f"bytes {offset}-")
        ):
            stream.close()
            raise NotSupported("this server does not give parts of an object", path=path)
        return cast(Reader, stream)

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        key = self._file_key(path)
        crc = f"{crc32c(data):08x}"
        # Until the server has shown whether it checks the one, it gets both.
        sent = proof(data, crc32c=crc if self._checks_crc is not False else "", md5=not self._checks_crc)
        answer = self.service.call("PUT", key, headers=attribute_headers(attributes) | sent, body=data, pace=pace)
        if answer.status != 200:
            raise error_of(answer, path)
        verified_by = confirmed(data, sent, answer, path)
        self._checks_crc = CRC32C in answer.headers
        self._learn(answer.headers)
        etag = answer.headers.get("etag", "").strip('"')
        checksums = checksum_in(answer.headers)
        if etag_is_md5(answer.headers) and (md5 := md5_of(etag)):
            checksums["md5"] = md5
        modified = times.read(times.written(attributes.modified), None)
        kind, told = content_type(attributes), kept(attributes)
        return Put(Entry(path, Kind.FILE, len(data), modified, checksums, etag or None, kind, told), verified_by)

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        self._file_key(path)
        return MultipartUpload(self.service, path, size, part_size, identity, attributes)

    def make_directory(self, path: str) -> None:
        if path == "/":
            return
        if self._head(path) is not None:
            raise AlreadyExists("a file stands there", path=path)
        answer = self.service.call("PUT", self._prefix(path), headers={"content-type": "application/x-directory"})
        if answer.status != 200:
            raise error_of(answer, path)

    def delete(self, path: str) -> None:
        if path != "/" and (is_temporary(path.rpartition("/")[2]) or self._head(path) is not None):
            delete_key(self.service, self._file_key(path))
            return
        marker = self._prefix(path)
        below = self._page(marker, count=2).entries
        if any(entry.path != f"/{marker}" for entry in below):
            raise StoreError("the directory is not empty", path=path)
        if below and marker:
            delete_key(self.service, marker)

    def is_both(self, path: str) -> bool:
        return bool(self._page(self._prefix(path), count=1).entries)

    def can_copy_from(self, source: Store) -> bool:
        if not isinstance(source, _S3Store):
            return False
        mine, other = self.service, source.service
        return (mine.site, mine.login.connection_id) == (other.site, other.login.connection_id)

    def copy_from(self, source: Store, entry: Entry, path: str, attributes: Attributes = NO_ATTRIBUTES) -> Put:
        assert isinstance(source, _S3Store)
        self._file_key(path)
        if entry.size <= LARGEST:
            return copy_object(self.service, path, source.service, entry, attributes)
        upload = self.upload(
            path, size=entry.size, part_size=_COPY_PART, identity=uuid.uuid4().hex, attributes=attributes
        )
        try:
            for index in range(-(-entry.size // _COPY_PART)):
                upload.copy(index, source, entry)
            return checked(entry, upload.commit(entry.checksums.get("crc32c")))
        except BaseException:
            upload.abort()
            raise

    def leftovers(self, path: str) -> Iterator[Entry]:
        return (entry for entry in self._below(self._prefix(path)) if is_temporary(entry.name))

    def delete_leftover(self, entry: Entry) -> None:
        key = self._file_key(entry.path)
        if entry.name.endswith(".upload"):
            forget_upload(self.service, key, read_pointer(self.service, key))
        else:
            delete_key(self.service, key)

    def interrupt(self) -> None:
        self.service.interrupt()

    def close(self) -> None:
        self.service.close()

    def _head(self, path: str) -> Entry | None:
        """The file at a path; ``None`` if there is none."""
        answer = self.service.call("HEAD", self._file_key(path), headers=_TOLD)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise error_of(answer, path)
        self._learn(answer.headers)
        return entry_of(path, answer.headers)

    def _readable(self, answer: Answer, path: str, version: str | None) -> None:
        if answer.status == 404 and version is not None and code_of(answer) != "NoSuchBucket":
            raise SourceChanged(f"{path} is gone, or has been replaced")
        if answer.status not in (200, 206):
            raise error_of(answer, path)
        self._learn(answer.headers)

    def _below(self, prefix: str) -> Iterator[Entry]:
        for page in self._pages(prefix):
            yield from page.entries

    def _make_root(self) -> None:
        region = self.service.region
        body = b""
        if region != "us-east-1":
            body = (
                '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ).encode()
        answer = self.service.call("PUT", body=body)
        if answer.status != 200 and code_of(answer) not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise error_of(answer, "/")

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[Page]:
        token = ""
        while True:
            page = self._page(prefix, delimiter, token)
            yield page
            token = page.token
            if not token:
                return

    def _page(self, prefix: str, delimiter: str = "", token: str = "", count: int = 1000) -> Page:
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(count), "prefix": prefix}
        if delimiter:
            query["delimiter"] = delimiter
        if token:
            query["continuation-token"] = token
        answer = self.service.call("GET", query=query)
        if answer.status != 200:
            raise error_of(answer, f"/{prefix}")
        page = page_of(answer.body, md5=self._etag_is_md5 is not False)
        if self._etag_is_md5 is None and count > 2:
            # Encryption by KMS makes ETags that only look like MD5s, and a listing does not tell of it.
            for entry in page.entries:
                if entry.checksums:
                    told = self.service.call("HEAD", entry.path[1:])
                    if told.status == 200:
                        self._learn(told.headers)
                    return page if self._etag_is_md5 else page_of(answer.body, md5=False)
        return page

    def _learn(self, headers: Headers) -> None:
        if not etag_is_md5(headers):
            self._etag_is_md5 = False
        elif self._etag_is_md5 is None:
            self._etag_is_md5 = True

    def _file_key(self, path: str) -> str:
        """The key of a file: never that of the bucket itself."""
        key = self._key(path)
        if not key or key.endswith("/"):
            raise NotFound("not a file", path=path)
        return key

    def _refuse_impossible(self, path: str) -> None:
        try:
            size = len(path.encode()) - 1
        except UnicodeEncodeError:
            size = _LONGEST + 1
        if size > _LONGEST or _IMPOSSIBLE.search(path):
            raise impossible(path, "S3")
