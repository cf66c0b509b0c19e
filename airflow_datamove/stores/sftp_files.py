"""Reading and writing one file over SFTP, with many requests under way at once but never more than :data:`AHEAD`."""

from __future__ import annotations

import io
import stat
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from airflow_datamove.errors import AlreadyExists, SourceChanged, StoreError, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Kind, Writer
from airflow_datamove.stores.sftp_protocol import (
    CLOSE,
    FSETSTAT,
    FSTAT,
    LSTAT,
    READ,
    REMOVE,
    WRITE,
    Session,
    Status,
    position,
    times,
)
from airflow_datamove.stores.sftp_protocol import Attributes as Found
from airflow_datamove.stores.sftp_sessions import Sessions

AHEAD = 2**21
"""Bytes that have been asked for, or sent, and not yet answered."""


class FileReader(io.RawIOBase):
    """A stream over an open file. It asks ahead, and asks for no byte beyond what is wanted.

    :param size: how many bytes there are from ``offset`` on, at most.
    :param check: called at the end with what the server then says of the file.
    """

    def __init__(
        self,
        sessions: Sessions,
        session: Session,
        handle: bytes,
        path: str,
        offset: int,
        size: int,
        check: Callable[[Found], None] | None,
    ) -> None:
        self._sessions, self._path, self._handle = sessions, path, handle
        self._session: Session | None = session
        self._at, self._end, self._check = offset, offset + size, check
        self._asked: deque[tuple[int, int]] = deque()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Gives what has come, up to the end of a request."""
        session = self._session
        if session is None or len(buffer) == 0:
            return 0
        if not self._rest:
            try:
                with self._sessions.errors(self._path):
                    self._fetch(session)
            except BaseException:
                self._drop()
                raise
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Gives back the channel; the file's bytes that are under way are let go."""
        if self._session is not None:
            if self._asked:
                self._drop()
            else:
                self._leave(self._session)
        super().close()

    def _fetch(self, session: Session) -> None:
        while self._at < self._end and len(self._asked) * session.piece < AHEAD:
            count = min(session.piece, self._end - self._at)
            number = session.send(READ, self._handle, tail=position(self._at) + struct.pack(">I", count))
            self._asked.append((number, count))
            self._at += count
        if not self._asked:
            self._finish(session)
            return
        number, count = self._asked.popleft()
        data = session.data_of(number)
        if data and len(data) < count:
            # A server may give less than it was asked for without being at the end.
            data = self._filled(session, data, count)
        if len(data) < count:
            # The end is nearer than it was: what was asked for beyond it is let go.
            for number, _ in self._asked:
                session.give_up(number)
            self._asked.clear()
            self._at = self._end
        self._rest = memoryview(data)
        if not data:
            self._finish(session)

    def _filled(self, session: Session, data: bytes, count: int) -> bytes:
        """Asks for the rest of a piece of which only the beginning came."""
        at = self._at - sum(size for _, size in self._asked) - count
        while len(data) < count:
            wanted = position(at + len(data)) + struct.pack(">I", count - len(data))
            more = session.data_of(session.send(READ, self._handle, tail=wanted))
            if not more:
                break
            data += more
        return data

    def _finish(self, session: Session) -> None:
        if self._check is not None:
            self._check(session.attributes(FSTAT, self._handle))
        self._leave(session)

    def _leave(self, session: Session) -> None:
        self._session = None
        try:
            with self._sessions.errors(self._path):
                session.give_up(session.send(CLOSE, self._handle))
        except StoreError:
            self._sessions.drop(session)
        else:
            self._sessions.give_back(session)

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._sessions.drop(session)


class Sending:
    """Bytes on their way into an open file."""

    def __init__(self, session: Session, handle: bytes, at: int) -> None:
        self._session, self._handle = session, handle
        self.at = at
        """Where the next byte goes."""
        self._sent: deque[int] = deque()

    def write(self, data: memoryview) -> None:
        """Sends bytes; waits for answers only when too many are under way."""
        piece = self._session.piece
        for start in range(0, len(data), piece):
            part = bytes(data[start : start + piece])
            if len(self._sent) * piece >= AHEAD:
                self._session.answer(self._sent.popleft())
            tail = position(self.at) + struct.pack(">I", len(part)) + part
            self._sent.append(self._session.send(WRITE, self._handle, tail=tail))
            self.at += len(part)

    def finish(self) -> None:
        """Waits for what is under way.

        :raises Status: if the server has refused any of it.
        """
        while self._sent:
            self._session.answer(self._sent.popleft())


class FileWriter(Writer):
    """A file under a temporary name, sent from its beginning to its end.

    :param handle: of the file, new and open for writing, on a session of its own.
    :param names: the path that it will have, its temporary name and its name.
    """

    def __init__(
        self,
        sessions: Sessions,
        session: Session,
        handle: bytes,
        names: tuple[str, bytes, bytes],
        size: int,
        attributes: Attributes,
    ) -> None:
        self._sessions, self._handle, self._size = sessions, handle, size
        self._session: Session | None = session
        self._path, self._temporary, self._name = names
        self._modified = seconds(attributes.modified)
        self._sending = Sending(session, handle, 0)

    def write(self, data: bytes | memoryview) -> None:
        """See :class:`~airflow_datamove.stores.contract.Writer`."""
        assert self._session is not None
        with self._sessions.errors(self._path):
            self._sending.write(memoryview(data))

    def commit(self) -> Entry:
        """See :class:`~airflow_datamove.stores.contract.Writer`: all that can be asked at once is."""
        session = self._session
        assert session is not None
        with self._sessions.errors(self._path):
            self._sending.finish()
            synced = session.send_fsync(self._handle)
            dated = (
                session.send(FSETSTAT, self._handle, tail=times(self._modified)) if self._modified is not None else None
            )
            told = session.send(FSTAT, self._handle)
            closed = session.send(CLOSE, self._handle)
            for number in (synced, dated):
                if number is not None:
                    session.answer(number)
            found = session.attributes_of(told)
            session.answer(closed)
            if found.size != self._size:
                raise VerificationFailed(f"{self._path}: {found.size} bytes arrived where {self._size} were announced")
            publish(session, self._temporary, self._name, self._path)
        self._session = None
        self._sessions.give_back(session)
        return entry_of(self._path, found)

    def abort(self) -> None:
        """See :class:`~airflow_datamove.stores.contract.Writer`."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with self._sessions.errors(self._path):
                with suppress(Status):
                    self._sending.finish()
                with suppress(Status):
                    session.ask(CLOSE, self._handle)
                with suppress(Status):
                    session.ask(REMOVE, self._temporary)
        except StoreError:
            self._sessions.drop(session)
        except BaseException:
            self._sessions.drop(session)
            raise
        else:
            self._sessions.give_back(session)


def publish(session: Session, temporary: bytes, name: bytes, path: str) -> None:
    """Gives a whole file its name, over what may be there.

    :raises AlreadyExists: if that is a directory.
    """
    try:
        session.rename_over(temporary, name)
    except Status:
        with suppress(Status):
            if kind_of(session.attributes(LSTAT, name).mode) is Kind.DIRECTORY:
                raise AlreadyExists("a directory stands there", path=path) from None
        raise


def kind_of(mode: int) -> Kind:
    """What a mode says (as :mod:`stat` has it)."""
    return Kind.FILE if stat.S_ISREG(mode) else Kind.DIRECTORY if stat.S_ISDIR(mode) else Kind.SPECIAL


def entry_of(path: str, found: Found) -> Entry:
    """What the server says of a path.

    SFTP knows whole seconds alone, and no number of a file: a version that is replaced within a second by another one
    of the same length looks the same.
    """
    kind = kind_of(found.mode)
    if kind is not Kind.FILE:
        return Entry(path, kind, modified=float(found.modified))
    return Entry(path, kind, found.size, float(found.modified), version=version_of(found))


def version_of(found: Found) -> str:
    """What changes when a file does, within what SFTP tells."""
    return f"{found.modified}-{found.size}"


def unchanged(path: str, version: str) -> Callable[[Found], None]:
    """A check for the end of reading."""

    def check(found: Found) -> None:
        if version_of(found) != version:
            raise SourceChanged(f"{path} changed while it was read")

    return check


def seconds(modified: float | None) -> int | None:
    """A time as SFTP writes it: whole seconds in 32 bits; ``None`` where it cannot."""
    return int(modified) if modified is not None and 0 <= modified < 2**32 else None
