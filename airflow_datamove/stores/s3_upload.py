"""A file in S3, written in parts: :class:`MultipartUpload`.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from airflow_datamove.errors import SourceChanged, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Pace, Store, Upload, no_pace
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.s3_answers import children, code_of, entry_of, error_of, texts, xml
from airflow_datamove.stores.s3_copy import CopySource, copied, copy_source
from airflow_datamove.stores.s3_headers import CRC32C, IDENTITY, attribute_headers, crc_header, crc_of, metadata_in
from airflow_datamove.stores.s3_pointer import (
    Pointer,
    delete_key,
    forget_upload,
    pointer_key,
    read_pointer,
    write_pointer,
)
from airflow_datamove.stores.s3_proof import confirmed, proof
from airflow_datamove.stores.s3_service import S3Service

_TRIES = 5
_GONE = "NoSuchUpload"
_TOLD = {"x-amz-checksum-mode": "ENABLED"}


class _Part(NamedTuple):
    etag: str
    crc32c: str | None


class MultipartUpload(Upload):
    """One multipart upload of S3, which other tries find by its pointer (see ``s3_pointer``).

    Which file is of this upload says its metadata; so whoever comes too late knows that it is published.
    """

    def __init__(
        self, service: S3Service, path: str, size: int, part_size: int, identity: str, attributes: Attributes
    ) -> None:
        self._service, self._path, self._size, self._part_size = service, path, size, part_size
        self._identity, self._attributes = identity, attributes
        self._key = path.removeprefix("/")
        self._pointer_key = pointer_key(path, identity)
        self._count = -(-size // part_size)
        self._parts: dict[int, _Part] = {}
        self._pointer: Pointer | None = None
        self._over = False
        self._lock = threading.Lock()

    def held(self) -> Mapping[int, str | None]:
        """See :meth:`~airflow_datamove.stores.contract.Upload.held`."""
        self._begun()
        if self._over:
            return dict.fromkeys(range(self._count))
        return {index: part.crc32c for index, part in self._parts.items()}

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.put`."""
        pointer = self._begun()
        if self._over:
            return
        sent = proof(data, crc32c=crc32c) if pointer.checksum else proof(data, md5=True)
        answer = self._service.call("PUT", self._key, self._part(index), sent, data, pace=pace)
        if answer.status != 200:
            self._missed(answer)
            return
        self.verified_by = confirmed(data, sent, answer, self._path)
        self._parts[index] = _Part(answer.headers.get("etag", ""), crc32c)

    def copy(self, index: int, source: Store, entry: Entry) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.copy`."""
        assert isinstance(source, CopySource)
        self._begun()
        if self._over:
            return
        start = index * self._part_size
        headers = copy_source(source.service.bucket, entry)
        headers["x-amz-copy-source-range"] = f"bytes={start}-{start + self._length(index) - 1}"
        answer = copied(self._service.call("PUT", self._key, self._part(index), headers))
        if answer.status == 412:
            raise SourceChanged(f"{entry.path} is gone, or has been replaced")
        if answer.status != 200:
            self._missed(answer)
            return
        told = texts(xml(answer.body))
        self._parts[index] = _Part(told.get("ETag", ""), crc_of(told.get("ChecksumCRC32C")))

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :meth:`~airflow_datamove.stores.contract.Upload.commit`."""
        pointer = self._begun()
        if not self._over:
            self._complete(pointer, crc32c)
        answer = self._service.call("HEAD", self._key, headers=_TOLD)
        if answer.status != 200:
            raise error_of(answer, self._path)
        entry = entry_of(self._path, answer.headers)
        if self._is_own(answer):
            if entry.size != self._size:
                raise VerificationFailed(f"{self._path}: {entry.size} bytes arrived where {self._size} were sent")
            if crc32c is not None and entry.checksums.get("crc32c", crc32c) != crc32c:
                raise VerificationFailed(f"{self._path}: what arrived has another crc32c")
        self._over = True
        self.verified_by = "crc32c" if pointer.checksum else "md5"
        delete_key(self._service, self._pointer_key)
        return entry

    def abort(self) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.abort`."""
        if not self._over:
            pointer = self._pointer or read_pointer(self._service, self._pointer_key)
            forget_upload(self._service, self._pointer_key, pointer)
            self._pointer, self._parts = None, {}

    def _begun(self) -> Pointer:
        """The upload of this identity: that of another try, or a new one."""
        with self._lock:
            if self._pointer is None:
                self._pointer = self._find_or_begin()
            return self._pointer

    def _find_or_begin(self) -> Pointer:
        for _ in range(_TRIES):
            found = read_pointer(self._service, self._pointer_key)
            if found is not None and found.key == self._key:
                parts = self._listed(found)
                if parts is not None:
                    self._parts = parts
                    return found
                if self._is_own(self._service.call("HEAD", self._key)):
                    self._over = True
                    return found
            made = self._create()
            if write_pointer(self._service, self._pointer_key, made, found):
                return made
            self._service.call("DELETE", self._key, {"uploadId": made.upload})
        raise StoreUnavailable("several tries begin it at once", path=self._path)

    def _create(self) -> Pointer:
        headers = attribute_headers(self._attributes, self._identity)
        headers |= {"x-amz-checksum-algorithm": "CRC32C", "x-amz-checksum-type": "FULL_OBJECT"}
        answer = self._service.call("POST", self._key, {"uploads": ""}, headers)
        if answer.status != 200:
            raise error_of(answer, self._path)
        # A server that does not know of checksums, or not of this kind, does not repeat what it was asked for.
        keeps = answer.headers.get("x-amz-checksum-algorithm", "").upper() == "CRC32C"
        checksum = answer.headers.get("x-amz-checksum-type", "COMPOSITE") if keeps else ""
        return Pointer(texts(xml(answer.body)).get("UploadId", ""), checksum, self._key)

    def _listed(self, pointer: Pointer) -> dict[int, _Part] | None:
        """The parts that S3 has, whole; ``None`` if the upload is gone."""
        found: dict[int, _Part] = {}
        query = {"uploadId": pointer.upload, "max-parts": "1000"}
        while True:
            answer = self._service.call("GET", self._key, query)
            if code_of(answer) == _GONE:
                return None
            if answer.status != 200:
                raise error_of(answer, self._path)
            root = xml(answer.body)
            for part in children(root, "Part"):
                index = int(part["PartNumber"]) - 1
                if index < self._count and int(part["Size"]) == self._length(index):
                    found[index] = _Part(part["ETag"], crc_of(part.get("ChecksumCRC32C")))
            told = texts(root)
            marker = told.get("NextPartNumberMarker", "")
            if told.get("IsTruncated") != "true" or not marker or marker == query.get("part-number-marker"):
                return found
            query["part-number-marker"] = marker

    def _complete(self, pointer: Pointer, crc32c: str | None) -> None:
        """Has S3 join the parts, if no other try has."""
        if len(self._parts) < self._count and not self._look_again(pointer):
            return
        answer = self._join(pointer, crc32c)
        if code_of(answer) == "InvalidPart" and self._look_again(pointer):
            # Another try has written a part anew: the same bytes, by another name where the server encrypts.
            answer = self._join(pointer, crc32c)
        if answer.status != 200 and not self._over:
            if code_of(answer) in ("BadDigest", "InvalidPart"):
                # What is held is not what was sent; with it no later try could end well.
                self.abort()
                raise error_of(answer, self._path)
            self._missed(answer)

    def _join(self, pointer: Pointer, crc32c: str | None) -> Answer:
        parts = []
        for index, part in sorted(self._parts.items()):
            crc = ""
            if pointer.checksum == "COMPOSITE" and part.crc32c:
                crc = f"<ChecksumCRC32C>{crc_header(part.crc32c)}</ChecksumCRC32C>"
            etag = part.etag.strip('"')
            parts.append(f'<Part><PartNumber>{index + 1}</PartNumber><ETag>"{etag}"</ETag>{crc}</Part>')
        headers = {"content-type": "application/xml", "x-amz-mp-object-size": str(self._size)}
        if pointer.checksum == "FULL_OBJECT" and crc32c is not None:
            headers |= {CRC32C: crc_header(crc32c), "x-amz-checksum-type": "FULL_OBJECT"}
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        body = f'<CompleteMultipartUpload xmlns="{space}">{"".join(parts)}</CompleteMultipartUpload>'
        return copied(self._service.call("POST", self._key, {"uploadId": pointer.upload}, headers, body.encode()))

    def _look_again(self, pointer: Pointer) -> bool:
        """Adds the parts that other tries have put. False if the upload is gone because one of them has published it.

        :raises StoreUnavailable: if parts are missing, or the upload is gone without that.
        """
        parts = self._listed(pointer)
        if parts is None:
            self._published()
            return False
        self._parts = parts
        if len(parts) < self._count:
            raise StoreUnavailable(f"{self._count - len(parts)} parts are missing", path=self._path)
        return True

    def _missed(self, answer: Answer) -> None:
        """Raises what an answer says, unless it is that the upload is gone because another try has published it."""
        if code_of(answer) != _GONE:
            raise error_of(answer, self._path)
        self._published()

    def _published(self) -> None:
        if not self._is_own(self._service.call("HEAD", self._key)):
            self._pointer, self._parts = None, {}
            raise StoreUnavailable("the upload is gone", path=self._path, remedy="Another try begins it anew")
        self._over = True

    def _is_own(self, answer: Answer) -> bool:
        """True if what HEAD says is said of what this upload, in this try or another, has published."""
        return (
            answer.status == 200
            and metadata_in(answer.headers).get(IDENTITY) == self._identity
            and int(answer.headers.get("content-length", -1)) == self._size
        )

    def _part(self, index: int) -> dict[str, str]:
        pointer = self._begun()
        return {"partNumber": str(index + 1), "uploadId": pointer.upload}

    def _length(self, index: int) -> int:
        return min(self._part_size, self._size - index * self._part_size)
