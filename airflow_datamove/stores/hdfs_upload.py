"""A file of HDFS in parts: each a file of its own, which the name node concatenates at the end.

``CONCAT`` moves the blocks of files to the end of another one of the same directory, all of them in one act, and the
files are gone then (``FSDirConcatOp`` of the name node; it refuses empty files, and files in a snapshot or in an
encryption zone). So there are, under temporary names that follow from the upload's identity,

* parts, each written under a name of its try's own (with ``done``) and renamed when it is whole;
* while a try commits, a beginning (``upload``): a file of the first k parts, which the try has claimed by renaming it
  to a name of its own. It was part 0, or the beginning that a dead try had left. Only who has claimed it appends to it,
  always the next parts, so its length says which parts are in it, whenever a try dies.

The content is published by renaming the beginning when it has become all of it. It is marked with an extended attribute
first, by which a later try sees that the file is there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from awscrt.checksums import crc32c as checksum

from airflow_datamove.errors import NotFound, PermissionDenied, StoreError, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Entry, Pace, Put, Upload, no_pace
from airflow_datamove.stores.hdfs_answers import entry_of, refusal
from airflow_datamove.stores.hdfs_listing import statuses
from airflow_datamove.stores.hdfs_publish import Checksums, Taken, publish, status_of
from airflow_datamove.stores.hdfs_writer import remove
from airflow_datamove.stores.temporary import named_path, part_path, temporary_path
from airflow_datamove.stores.webhdfs import WebHdfs, written

_MARK = "user.datamove_upload"
# Jetty takes 64 KiB of a request's head (``hadoop.http.max.request.header.size``).
_MOST_SOURCES = 2**15
_LOSERS_WAIT = (0.1, 0.4, 1.5)
_STEP = 2**20


class _Lost(Exception):
    """Another try of the same identity has claimed what this one was about to publish."""


class _Place(NamedTuple):
    """What is there of an upload."""

    parts: dict[int, str]
    """The paths of the whole ones, by index."""
    beginning: str | None
    """The path of the longest one."""
    inside: int
    """Parts that are in it."""
    all: list[str]


class ConcatenatedUpload(Upload):
    """See :class:`~airflow_datamove.stores.contract.Upload`. Safe to use from several threads."""

    def __init__(
        self,
        web: WebHdfs,
        checksums: Checksums,
        path: str,
        *,
        size: int,
        part_size: int,
        identity: str,
        modified: float | None,
    ) -> None:
        self._web, self._checksums = web, checksums
        self._path, self._size, self._part_size = path, size, part_size
        self._count = max(1, -(-size // part_size))
        self._identity, self._modified = identity, modified
        # WebHDFS separates the names of what is concatenated by commas, and knows no other way to write one.
        folder = path.rpartition("/")[0]
        while "," in folder:
            folder = folder.rpartition("/")[0]
        self._folder = folder or "/"
        self._base = f"{folder}/file"
        self._first = random.randrange(10**6)
        self._over = False

    def held(self) -> Mapping[int, str | None]:
        """See :class:`Upload`: one listing. A part counts if its length is the plan's."""
        place = self._look()
        found: dict[int, str | None] = dict.fromkeys(range(place.inside))
        for index, path in sorted(place.parts.items()):
            if index >= place.inside:
                with suppress(NotFound):
                    found[index] = self._checksums.crc32c(path, self._path)
        return found

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :class:`Upload`."""
        if len(data) != self._length(index):
            raise StoreError(f"part {index} has {len(data)} bytes, not {self._length(index)}", path=self._path)
        # Of this try alone, and of this identity too: whoever ends the upload clears away what a killed try has left.
        own = named_path(self._base, self._identity, f"{(self._first + index) % 10**6:06d}.done")
        try:
            self._web.write(own, data, self._path, pace)
            found = self._checksums.crc32c(own, self._path) if len(data) else None
            if found is not None and found != crc32c:
                raise VerificationFailed(f"{self._path}: what arrived of part {index} has another crc32c")
            self._rename(own, part_path(self._base, self._identity, index), "OVERWRITE")
        except NotFound:
            raise StoreUnavailable("another try has ended this upload meanwhile", path=self._path) from None
        except BaseException:
            remove(self._web, own)
            raise

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :class:`Upload`."""
        try:
            entry, self.verified_by = self._publish(crc32c)
        except _Lost:
            for pause in _LOSERS_WAIT:
                time.sleep(pause)
                if (found := self._published()) is not None:
                    entry = found
                    break
            else:
                raise StoreUnavailable("another try is publishing it", path=self._path) from None
        self._over = True
        self._clear()
        return entry

    def abort(self) -> None:
        """See :class:`Upload`."""
        if not self._over:
            self._over = True
            self._clear()

    def _publish(self, crc: str | None) -> Put:
        place = self._look()
        lacking = [index for index in range(place.inside, self._count) if index not in place.parts]
        if lacking:
            if (entry := self._published()) is not None:
                return Put(entry, self.verified_by)
            raise StoreUnavailable(f"part {lacking[0]} of {self._count} is missing", path=self._path)
        own = named_path(self._base, self._identity, f"{random.randrange(10**6):06d}.upload")
        try:
            self._claim(place.beginning or place.parts[0], own)
            # Its last owner may have appended to it until it was claimed.
            inside = self._inside(status_of(self._web, own, self._path)["length"])
            rest = [part_path(self._base, self._identity, index) for index in range(inside, self._count)]
            left = self._append(own, rest)
            if left:
                return self._streamed([own, *left], crc)
            self._mark(own)
            return self._publish_file(own, crc)
        except VerificationFailed:
            # Nobody can tell any more which of its parts is wrong.
            remove(self._web, own)
            raise
        except (NotFound, Taken):
            raise _Lost from None

    def _publish_file(self, path: str, crc: str | None) -> Put:
        return publish(
            self._web, self._checksums, path, self._path, size=self._size, modified=self._modified, crc32c=crc
        )

    def _claim(self, source: str, own: str) -> None:
        """Renames a beginning, or part 0, to a name that nobody else has."""
        try:
            self._rename(source, own, "NONE")
        except NotFound:
            status_of(self._web, own, self._path)  # it may have been done, and the answer lost

    def _append(self, beginning: str, parts: Sequence[str]) -> Sequence[str]:
        """Concatenates; gives what the cluster refuses to."""
        done = 0
        for batch in _batches(parts):
            try:
                # Were it carried out twice, parts that an orphan has written meanwhile would be in the file twice.
                self._web.call("POST", "CONCAT", beginning, {"sources": ",".join(batch)}, about=self._path, once=True)
            except StoreError as error:
                if error.retryable or isinstance(error, (NotFound, PermissionDenied)):
                    raise
                break
            done += len(batch)
        return parts[done:]

    def _streamed(self, pieces: Sequence[str], crc: str | None) -> Put:
        """Makes the file by reading the parts and writing them again: slow, and it works everywhere."""
        own = temporary_path(self._path)
        sending = self._web.send(own, self._size, self._path)
        found, buffer = 0, memoryview(bytearray(_STEP))
        try:
            for piece in pieces:
                with self._web.open(piece) as stream:
                    while count := stream.readinto(buffer):
                        found = checksum(buffer[:count], found)
                        if (refused := sending.write(buffer[:count])) is not None:
                            raise refusal(refused, self._path)[1]
            written(sending.finish(), self._path)
            if crc is not None and crc != f"{found:08x}":
                raise VerificationFailed(f"{self._path}: the parts have the crc32c {found:08x}, the source has {crc}")
            self._mark(own)
            return self._publish_file(own, crc)
        except BaseException:
            sending.abort()
            remove(self._web, own)
            raise

    def _published(self) -> Entry | None:
        """What another try of the same identity has published."""
        try:
            status = status_of(self._web, self._path, self._path)
            query = {"xattr.name": _MARK, "encoding": "text"}
            found = self._web.call("GET", "GETXATTRS", self._path, query)["XAttrs"]
        except StoreError as error:
            if error.retryable:
                raise
            return None
        marked = any(each["name"] == _MARK and each["value"].strip('"') == self._identity for each in found)
        return entry_of(self._path, status) if marked and status["length"] == self._size else None

    def _mark(self, path: str) -> None:
        query = {"xattr.name": _MARK, "xattr.value": f'"{self._identity}"', "flag": "CREATE,REPLACE"}
        with suppress(StoreError):
            # A cluster may have none (``dfs.namenode.xattrs.enabled``); then this try alone knows of its success.
            self._web.call("PUT", "SETXATTR", path, query, about=self._path)

    def _look(self) -> _Place:
        parts: dict[int, str] = {}
        beginning, inside, every = None, 0, list[str]()
        prefix = named_path("", self._identity, "").removeprefix("/")
        try:
            for name, status in statuses(self._web, self._folder, prefix.removesuffix(".")):
                if not name.startswith(prefix):
                    break
                path = f"{self._folder.rstrip('/')}/{name}"
                every.append(path)
                number, _, ending = name.removeprefix(prefix).partition(".")
                if ending == "part" and number.isdecimal():
                    index = int(number)
                    if index < self._count and status["length"] == self._length(index):
                        parts[index] = path
                elif ending == "upload" and (count := self._inside(status["length"])) > inside:
                    beginning, inside = path, count
        except NotFound:
            pass
        return _Place(parts, beginning, inside, every)

    def _inside(self, length: int) -> int:
        """How many parts a beginning of this length holds."""
        if length == self._size:
            return self._count
        return length // self._part_size if length < self._size and length % self._part_size == 0 else 0

    def _length(self, index: int) -> int:
        return max(0, min(self._part_size, self._size - index * self._part_size))

    def _rename(self, source: str, destination: str, options: str) -> None:
        query = {"destination": destination, "renameoptions": options}
        self._web.call("PUT", "RENAME", source, query, about=self._path)

    def _clear(self) -> None:
        """Deletes everything that has a name of this identity."""
        with suppress(StoreError):
            for path in self._look().all:
                with suppress(StoreError):
                    self._web.call("DELETE", "DELETE", path, about=self._path)


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """As many at a time as one request can name."""
    batch, size = list[str](), 0
    for path in paths:
        length = len(quote(path, safe="")) + 3
        if batch and size + length > _MOST_SOURCES:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield batch
