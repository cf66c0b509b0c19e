"""A file written in parts over SFTP: :class:`PartFile`."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from airflow_datamove.errors import StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Entry, Kind, Pace, Upload, no_pace
from airflow_datamove.stores.sftp_files import Sending, entry_of, kind_of, publish
from airflow_datamove.stores.sftp_protocol import (
    AT_END,
    CLOSE,
    EMPTIED,
    FOR_READING,
    FOR_WRITING,
    FSTAT,
    LSTAT,
    MADE,
    NEW,
    NO_SUCH_FILE,
    READ,
    REMOVE,
    SETSTAT,
    WRITE,
    Session,
    Status,
    position,
    times,
)
from airflow_datamove.stores.sftp_sessions import Sessions

_RECORD = struct.Struct(">II")
"""One part that is whole, in the journal: its index and its crc32c."""
_STEP = 2**18
_TRIES = 5


class PartFile(Upload):
    """One file that the parts are written into, each at its place, and a journal of those that are whole.

    Two tries share both: what one writes twice are the same bytes. A part is only ever written into a file that is
    there; so an orphan that comes after the commit finds none, and a handle that was open before shows it that what was
    published is what it knew. The journal goes before the file gets its name, so that no journal ever speaks of a file
    that is another one.
    """

    def __init__(
        self,
        sessions: Sessions,
        path: str,
        names: tuple[bytes, bytes, bytes],
        size: int,
        part_size: int,
        modified: int | None,
        make_parents: Callable[[Session], None],
    ) -> None:
        self._sessions, self._path, self._size, self._part_size = sessions, path, size, part_size
        self._name, self._part, self._list = names
        self._modified = modified
        self._count = -(-size // part_size)
        self._over = False
        self._lock = threading.Lock()
        self._session: Session | None = sessions.borrow(path)
        try:
            with sessions.errors(path):
                self._witness, new = self._begin(self._session, make_parents)
                flags = FOR_READING | FOR_WRITING | AT_END | MADE | (EMPTIED if new else 0)
                self._journal = self._session.open(self._list, flags)
                self._journal_end = self._session.attributes(FSTAT, self._journal).size
        except BaseException:
            sessions.drop(self._session)
            raise

    def held(self) -> Mapping[int, str | None]:
        """See :meth:`~airflow_datamove.stores.contract.Upload.held`: what the journal says, as far as the file goes."""
        with self._own() as session:
            records = self._records(session, self._journal)
            size = session.attributes(FSTAT, self._witness).size
        return {index: crc for index, crc in records.items() if index * self._part_size + self._length(index) <= size}

    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.put`."""
        if self._over:
            return
        with self._sessions.session(self._path) as session:
            try:
                handle = session.open(self._part, FOR_WRITING)
            except Status as status:
                self._gone(status)
                return
            sending = Sending(session, handle, index * self._part_size)
            for start in range(0, len(data), _STEP):
                step = data[start : start + _STEP]
                pace(len(step))
                sending.write(step)
            sending.finish()
            synced = session.send_fsync(handle)
            closed = session.send(CLOSE, handle)
            if synced is not None:
                session.answer(synced)
            session.answer(closed)
        record = _RECORD.pack(index, int(crc32c, 16))
        with self._own() as session:
            tail = position(self._journal_end) + struct.pack(">I", len(record)) + record
            session.ask(WRITE, self._journal, tail=tail)
            self._journal_end += len(record)

    def commit(self, crc32c: str | None = None) -> Entry:
        """See :meth:`~airflow_datamove.stores.contract.Upload.commit`."""
        with self._own() as session:
            if not self._over:
                try:
                    self._publish(session)
                    self._over = True
                except Status as status:
                    if status.code != NO_SUCH_FILE:
                        raise
                    self._look(session)
            return entry_of(self._path, session.attributes(LSTAT, self._name))

    def abort(self) -> None:
        """See :meth:`~airflow_datamove.stores.contract.Upload.abort`."""
        if self._over:
            return
        with self._sessions.session(self._path) as session:
            for name in (self._list, self._part):
                try:
                    session.ask(REMOVE, name)
                except Status as status:
                    if status.code != NO_SUCH_FILE:
                        raise

    def close(self) -> None:
        """Closes the files."""
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            try:
                with self._sessions.errors(self._path):
                    for handle in (self._witness, self._journal):
                        session.give_up(session.send(CLOSE, handle))
            except StoreUnavailable:
                self._sessions.drop(session)
            else:
                self._sessions.give_back(session)

    def _begin(self, session: Session, make_parents: Callable[[Session], None]) -> tuple[bytes, bool]:
        """The part file, open, and whether it is new."""
        for _ in range(_TRIES):
            try:
                return session.open(self._part, FOR_READING), False
            except Status as status:
                if status.code != NO_SUCH_FILE:
                    raise
            try:
                return session.open(self._part, FOR_READING | FOR_WRITING | MADE | NEW), True
            except Status as status:
                if status.code == NO_SUCH_FILE:
                    make_parents(session)
                # Else another try has just made it, or nobody may: the next opening tells which.
        return session.open(self._part, FOR_READING | FOR_WRITING | MADE | NEW), True

    def _publish(self, session: Session) -> None:
        handle = session.open(self._list, FOR_READING)
        try:
            missing = self._count - len(self._records(session, handle))
        finally:
            session.give_up(session.send(CLOSE, handle))
        if missing:
            raise StoreUnavailable(f"{missing} parts are missing", path=self._path)
        modified = self._modified if self._modified is not None else int(time.time())
        session.ask(SETSTAT, self._part, tail=times(modified))
        found = session.attributes(FSTAT, self._witness)
        if found.modified != modified:
            raise StoreUnavailable("another try has begun it anew", path=self._path)
        if found.size != self._size:
            raise VerificationFailed(f"{self._path}: {found.size} bytes arrived where {self._size} were sent")
        with suppress(Status):
            session.ask(REMOVE, self._list)
        publish(session, self._part, self._name, self._path)

    def _gone(self, status: Status) -> None:
        if status.code != NO_SUCH_FILE:
            raise status
        with self._own() as session:
            self._look(session)

    def _look(self, session: Session) -> None:
        """Finds out whether the parts are gone because another try has published them.

        :raises StoreUnavailable: if they are gone without that.
        """
        known = session.attributes(FSTAT, self._witness)
        with suppress(Status):
            there = session.attributes(LSTAT, self._name)
            if kind_of(there.mode) is Kind.FILE and known.size == there.size == self._size:
                self._over = known.modified == there.modified
        if not self._over:
            raise StoreUnavailable("the parts are gone", path=self._path, remedy="Another try begins anew")

    def _records(self, session: Session, handle: bytes) -> dict[int, str | None]:
        """What a journal says; a record that is not whole is none."""
        data, size = b"", session.attributes(FSTAT, handle).size
        while len(data) < size:
            wanted = struct.pack(">I", min(session.piece, size - len(data)))
            more = session.data_of(session.send(READ, handle, tail=position(len(data)) + wanted))
            if not more:
                break
            data += more
        whole = len(data) - len(data) % _RECORD.size
        found = _RECORD.iter_unpack(data[:whole])
        return {index: f"{crc:08x}" for index, crc in found if index < self._count}

    @contextmanager
    def _own(self) -> Iterator[Session]:
        """The upload's own session, to which its handles belong, for one thread at a time; errors in our words."""
        with self._lock, self._sessions.errors(self._path):
            if self._session is None:
                raise StoreUnavailable("the upload is closed", path=self._path)
            yield self._session

    def _length(self, index: int) -> int:
        return min(self._part_size, self._size - index * self._part_size)
