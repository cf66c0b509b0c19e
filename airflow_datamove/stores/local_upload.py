"""A file on a local disk, written in parts: :class:`PartFile`."""

from __future__ import annotations

import os
import struct
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from awscrt.checksums import crc32c

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.stores.contract import Entry, Pace, Upload, no_pace
from airflow_datamove.stores.local import claim, errors, open_new, publish
from airflow_datamove.stores.temporary import named_path

_RECORD = struct.Struct("<II")
"""One part that is whole, in the journal: its index and its crc32c."""
_STEP = 2**18


class PartFile(Upload):
    """One file of the final size, and a journal of the parts that are whole.

    Whoever writes them holds a lock that ends with the process: a second try beside a running one gets files of its
    own. What the journal says is believed only after the part has been read again, because a power cut may have kept
    the journal and lost the part.

    A copy that is cancelled closes it while a thread may still be at work. The system gives the number of a file that
    is closed to the next one that is opened, so the files stay open until that thread has let go of them.
    """

    def __init__(self, path: str, size: int, part_size: int, identity: str, modified: float | None) -> None:
        self._path, self._size, self._part_size, self._modified = path, size, part_size, modified
        self._count = -(-size // part_size)
        self._done: set[int] = set()
        self._over = False
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False
        self._handle = self._journal = -1
        self._own = False
        """Nobody else looks for it: what is not published goes when it is closed."""
        if not self._claim(identity):
            # Another try has the files, or the disk has no locks: two tries must not share a file.
            self._own = True
            self._name(uuid.uuid4().hex)
            self._handle = open_new(path, self._part, os.O_RDWR | os.O_EXCL)
        try:
            self._journal = open_new(path, self._list, os.O_RDWR | os.O_APPEND)
        except BaseException:
            os.close(self._handle)  # and with it the lock, which the next try wants
            raise

    def held(self) -> Mapping[int, str | None]:
        """See :meth:`~airflow_datamove.stores.contract.Upload.held`: read again, each of them."""
        found: dict[int, str | None] = {}
        with self._using() as (handle, journal):
            records = os.pread(journal, os.fstat(journal).st_size, 0)
            whole = len(records) - len(records) % _RECORD.size
            os.ftruncate(journal, whole)
            claimed = dict(_RECORD.iter_unpack(records[:whole]))
            buffer = memoryview(bytearray(min(self._part_size, max(1, self._size))))
            for index, crc in sorted(claimed.items()):
                if index < self._count:
                    count = os.preadv(handle, [buffer[: self._length(index)]], index * self._part_size)
                    if count == self._length(index) and crc32c(buffer[:count]) == crc:
                        found[index] = f"{crc:08x}"
        self._done = set(found)
        return found

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.put`."""
        at = index * self._part_size
        with self._using() as (handle, journal):
            for start in range(0, len(data), _STEP):
                piece = data[start : start + _STEP]
                pace(len(piece))
                while piece:
                    written = os.pwrite(handle, piece, at)
                    at += written
                    piece = piece[written:]
            os.write(journal, _RECORD.pack(index, int(crc32c, 16)))
        self._done.add(index)

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :meth:`~airflow_datamove.stores.contract.Upload.commit`."""
        if len(self._done) != self._count:
            raise StoreUnavailable(f"{self._count - len(self._done)} parts are missing", path=self._path)
        with self._using() as (handle, _):
            os.ftruncate(handle, self._size)
            # Before the part gets its name: who finds the file there looks for nothing that is left of it.
            with suppress(FileNotFoundError):
                os.unlink(self._list)
            entry = publish(handle, self._part, self._path, self._modified)
            self._over = True
        return entry

    def abort(self) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.abort`."""
        if not self._over and self._handle >= 0:
            self._over = True
            for path in (self._list, self._part):
                with suppress(OSError):
                    os.unlink(path)

    def close(self) -> None:
        """Gives back the lock."""
        if self._own:
            self.abort()
        with self._lock:
            self._closed = True
            self._let_go()

    @contextmanager
    def _using(self) -> Iterator[tuple[int, int]]:
        """The content and the journal, which stay open until the end of the block.

        :raises StoreUnavailable: once it is closed.
        """
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the upload is closed", path=self._path)
            self._users += 1
        try:
            with errors(self._path):
                yield self._handle, self._journal
        finally:
            with self._lock:
                self._users -= 1
                self._let_go()

    def _let_go(self) -> None:
        """Closes the files, if it is time; under the lock."""
        if self._closed and not self._users:
            handles, self._handle, self._journal = (self._handle, self._journal), -1, -1
            for handle in handles:
                if handle >= 0:
                    os.close(handle)

    def _claim(self, identity: str) -> bool:
        """Opens the content of an identity; False if another try holds it."""
        self._name(identity)
        self._handle = claim(self._path, self._part)
        return self._handle >= 0

    def _name(self, identity: str) -> None:
        self._part, self._list = (named_path(self._path, identity, ending) for ending in ("part", "done"))

    def _length(self, index: int) -> int:
        return min(self._part_size, self._size - index * self._part_size)
