"""A file on a local disk, written in parts: :class:`PartFile`."""

from __future__ import annotations

import fcntl
import os
import struct
import uuid
from collections.abc import Mapping
from contextlib import suppress

from awscrt.checksums import crc32c

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.stores.contract import Entry, Pace, Upload, no_pace
from airflow_datamove.stores.local import errors, open_new, publish
from airflow_datamove.stores.temporary import named_path

_RECORD = struct.Struct("<II")
"""One part that is whole, in the journal: its index and its crc32c."""
_STEP = 2**18


class PartFile(Upload):
    """One file of the final size, and a journal of the parts that are whole.

    Whoever writes them holds a lock that ends with the process: a second try beside a running one gets files of its
    own. What the journal says is believed only after the part has been read again, because a power cut may have kept
    the journal and lost the part.
    """

    def __init__(self, path: str, size: int, part_size: int, identity: str, modified: float | None) -> None:
        self._path, self._size, self._part_size, self._modified = path, size, part_size, modified
        self._count = -(-size // part_size)
        self._done: set[int] = set()
        self._over = False
        self._handle = self._journal = -1
        if not self._claim(identity):
            # Its own name, which nobody else looks for: where the disk has no locks, two tries must not share a file.
            self._open(uuid.uuid4().hex)

    def held(self) -> Mapping[int, str | None]:
        """See :meth:`~airflow_datamove.stores.contract.Upload.held`: read again, each of them."""
        with errors(self._path):
            records = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        whole = len(records) - len(records) % _RECORD.size
        claimed = dict(_RECORD.iter_unpack(records[:whole]))
        with errors(self._path):
            os.ftruncate(self._journal, whole)
        found: dict[int, str | None] = {}
        buffer = memoryview(bytearray(min(self._part_size, max(1, self._size))))
        for index, crc in sorted(claimed.items()):
            if index < self._count:
                with errors(self._path):
                    count = os.preadv(self._handle, [buffer[: self._length(index)]], index * self._part_size)
                if count == self._length(index) and crc32c(buffer[:count]) == crc:
                    found[index] = f"{crc:08x}"
        self._done = set(found)
        return found

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.put`."""
        at = index * self._part_size
        with errors(self._path):
            for start in range(0, len(data), _STEP):
                piece = data[start : start + _STEP]
                pace(len(piece))
                while piece:
                    written = os.pwrite(self._handle, piece, at)
                    at += written
                    piece = piece[written:]
            os.write(self._journal, _RECORD.pack(index, int(crc32c, 16)))
        self._done.add(index)

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :meth:`~airflow_datamove.stores.contract.Upload.commit`."""
        if len(self._done) != self._count:
            raise StoreUnavailable(f"{self._count - len(self._done)} parts are missing", path=self._path)
        with errors(self._path):
            os.ftruncate(self._handle, self._size)
            entry = publish(self._handle, self._part, self._path, self._modified)
            self._over = True
            with suppress(FileNotFoundError):
                os.unlink(self._list)
        return entry

    def abort(self) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.abort`."""
        if not self._over and self._handle >= 0:
            self._over = True
            for path in (self._part, self._list):
                with suppress(OSError):
                    os.unlink(path)

    def close(self) -> None:
        """Gives back the lock."""
        handles, self._handle, self._journal = (self._handle, self._journal), -1, -1
        for handle in handles:
            if handle >= 0:
                os.close(handle)

    def _claim(self, identity: str) -> bool:
        """Opens the files of an identity; False if another try holds them."""
        self._open(identity)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the opening and the lock the other one may have published or removed what was opened.
            if os.stat(self._part).st_ino == os.fstat(self._handle).st_ino:
                return True
        except OSError:
            pass
        self.close()
        return False

    def _open(self, identity: str) -> None:
        self._part, self._list = (named_path(self._path, identity, ending) for ending in ("part", "done"))
        self._handle = open_new(self._path, self._part, os.O_RDWR)
        self._journal = open_new(self._path, self._list, os.O_RDWR | os.O_APPEND)

    def _length(self, index: int) -> int:
        return min(self._part_size, self._size - index * self._part_size)
