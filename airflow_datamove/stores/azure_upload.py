"""A blob in blocks: "Put Block", "Get Block List" and "Put Block List" of the vendor's REST reference.

The service keeps blocks that are not committed under the ids that they are given, invisible to everyone, for a week
after the last of them. So an id says all that another try must know, and nothing has to be kept elsewhere: in base64,
16 bytes of the upload's identity, a byte that says who sent the content, 3 bytes of index, 4 bytes of its crc32c.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree import ElementTree

from awscrt.checksums import combine_crc32c

from airflow_datamove.errors import NotFound, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores import azure_metadata as meta
from airflow_datamove.stores.azure_answers import code, failure
from airflow_datamove.stores.azure_client import ContainerClient
from airflow_datamove.stores.azure_server_side import source_headers
from airflow_datamove.stores.contract import Attributes, Entry, Pace, Store, Upload, no_pace

_SENT, _COPIED = 0, 1


class _Block(NamedTuple):
    """One block of an upload."""

    place: int
    crc32c: int | None
    """``None`` where the service has copied it by itself."""

    def id(self, identity: bytes) -> str:
        """Its name; all have one length, as the service asks for."""
        kind = _COPIED if self.crc32c is None else _SENT
        tail = bytes([kind]) + self.place.to_bytes(3, "big") + (self.crc32c or 0).to_bytes(4, "big")
        return base64.b64encode(identity + tail).decode("ascii")


def _read_id(text: str, identity: bytes) -> _Block | None:
    """The block of a name; ``None`` if it is somebody else's."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if len(data) != 24 or data[:16] != identity or data[16] not in (_SENT, _COPIED):
        return None
    crc = int.from_bytes(data[20:], "big") if data[16] == _SENT else None
    return _Block(int.from_bytes(data[17:20], "big"), crc)


class BlobUpload(Upload):
    """See :class:`~airflow_datamove.stores.contract.Upload`. Safe to use from several threads.

    :param identity: 32 hex digits.
    """

    def __init__(
        self,
        client: ContainerClient,
        key: str,
        path: str,
        *,
        size: int,
        part_size: int,
        identity: str,
        attributes: Attributes,
    ) -> None:
        self._client, self._key, self._path = client, key, path
        self._where = client.blob(key)
        self._size, self._part_size = size, part_size
        self._count = -(-size // part_size)
        self._identity, self._id = identity, bytes.fromhex(identity)
        self._attributes = attributes
        self._lock = threading.Lock()
        self._blocks: dict[int, _Block] = {}
        self._source: Entry | None = None

    def held(self) -> Mapping[int, str | None]:
        """See :class:`Upload`. A block counts if its length is the plan's; two of one place that hold different bytes
        count as none."""
        found = self._held()
        with self._lock:
            self._blocks.update(found)
        return {index: None if block.crc32c is None else f"{block.crc32c:08x}" for index, block in found.items()}

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :class:`Upload`; the service refuses a block of another MD5."""
        if len(data) != self._length(index):
            raise StoreError(f"part {index} has {len(data)} bytes, not {self._length(index)}", path=self._path)
        block = _Block(index, int(crc32c, 16))
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        self._client.call(
            "PUT",
            self._where,
            self._path,
            query={"comp": "block", "blockid": block.id(self._id)},
            headers={"content-md5": base64.b64encode(md5).decode("ascii")},
            body=data,
            pace=pace,
        )
        self._have(block)

    def copy(self, index: int, source: Store, entry: Entry) -> None:
        """See :class:`Upload`: "Put Block From URL"."""
        start = index * self._part_size
        block = _Block(index, None)
        answer = self._client.call(
            "PUT",
            self._where,
            self._path,
            query={"comp": "block", "blockid": block.id(self._id)},
            headers={
                **source_headers(source, entry),
                "x-ms-source-range": f"bytes={start}-{start + self._length(index) - 1}",
            },
            accept=range(300, 600),
        )
        if answer.status != 201:
            theirs = code(answer) in ("CannotVerifyCopySource", "SourceConditionNotMet", "InvalidRange")
            raise failure(answer, entry.path if theirs else self._path)
        self._source = entry
        self._have(block)

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :class:`Upload`. The blob's checksum is that of its parts, combined, or what ``crc32c`` says."""
        blocks = self._all()
        if len(blocks) < self._count:
            if (published := self._published()) is not None:
                return published
            lacking = min(set(range(self._count)) - {block.place for block in blocks})
            raise StoreUnavailable(f"part {lacking} of {self._count} is missing", path=self._path)
        copied = any(block.crc32c is None for block in blocks)
        self.verified_by = "length" if copied else "md5 of each part"
        if not copied:
            found = f"{self._combined(blocks):08x}"
            if crc32c is not None and crc32c != found:
                raise VerificationFailed(f"{self._path}: the parts have the crc32c {found}, the source has {crc32c}")
            crc32c = found
        ids = "".join(f"<Uncommitted>{block.id(self._id)}</Uncommitted>" for block in blocks)
        own = {meta.UPLOAD: self._identity}
        if crc32c is not None:
            own[meta.CRC32C] = f"{crc32c}-{self._size}"
        headers = {
            **meta.metadata_headers(self._attributes, own),
            "content-type": "application/xml",
            "x-ms-blob-content-type": meta.content_type(self._attributes),
        }
        source = self._source
        if copied and source is not None and source.size == self._size and (md5 := source.checksums.get("md5")):
            headers["x-ms-blob-content-md5"] = base64.b64encode(bytes.fromhex(md5)).decode("ascii")
        answer = self._client.call(
            "PUT",
            self._where,
            self._path,
            query={"comp": "blocklist"},
            headers=headers,
            body=f'<?xml version="1.0" encoding="utf-8"?><BlockList>{ids}</BlockList>'.encode(),
            accept=(400, 404),
        )
        if answer.status != 201:
            published = self._published() if code(answer) == "InvalidBlockList" else None
            if published is None:
                raise failure(answer, self._path)
            return published
        return meta.entry_of_sent(self._path, self._size, headers, answer.headers)

    def abort(self) -> None:
        """Does nothing. Single blocks cannot be removed, and what could remove all of them, a commit of none, would
        publish an empty blob or replace the one that stands there. They are invisible, and Azure drops them with the
        next commit of this blob, or a week after the last one."""

    def _length(self, index: int) -> int:
        return max(0, min(self._part_size, self._size - index * self._part_size))

    def _have(self, block: _Block) -> None:
        with self._lock:
            self._blocks[block.place] = block

    def _held(self) -> dict[int, _Block]:
        answer = self._client.call(
            "GET",
            self._where,
            self._path,
            query={"comp": "blocklist", "blocklisttype": "uncommitted"},
            accept=(404,),
        )
        if answer.status == 404:
            if code(answer) == "BlobNotFound":
                return {}
            raise failure(answer, self._path)
        found: dict[int, _Block] = {}
        spoilt: set[int] = set()
        for each in ElementTree.fromstring(answer.body).iterfind("UncommittedBlocks/Block"):
            block = _read_id(each.findtext("Name") or "", self._id)
            if block is None or block.place >= self._count:
                continue
            if int(each.findtext("Size") or -1) != self._length(block.place):
                continue
            before = found.get(block.place)
            if before is None or before.crc32c is None:
                found[block.place] = block
            elif block.crc32c is not None and block.crc32c != before.crc32c:
                spoilt.add(block.place)
        return {index: found[index] for index in found.keys() - spoilt}

    def _all(self) -> list[_Block]:
        """The blocks that are there, in order; the service is asked for those that it has made by itself, because it
        alone knows how long they have become, and for those that nobody here knows of."""
        with self._lock:
            blocks = dict(self._blocks)
        if len(blocks) < self._count or any(block.crc32c is None for block in blocks.values()):
            sent = {index: block for index, block in blocks.items() if block.crc32c is not None}
            blocks = {**self._held(), **sent}
        return [blocks[index] for index in sorted(blocks)]

    def _combined(self, blocks: list[_Block]) -> int:
        crc = 0
        for block in blocks:
            crc = combine_crc32c(crc, block.crc32c or 0, self._length(block.place))
        return crc

    def _published(self) -> Entry | None:
        """What another try of the same identity has published."""
        try:
            headers = self._client.call("HEAD", self._where, self._path).headers
        except NotFound:
            return None
        entry = meta.entry_of_headers(self._path, headers)
        same = meta.metadata_of(headers).get(meta.UPLOAD) == self._identity
        return entry if same and entry.size == self._size else None
