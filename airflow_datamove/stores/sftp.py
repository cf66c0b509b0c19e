"""``sftp://``: the files of a server that speaks SFTP over SSH.

The connection is Airflow's ``sftp`` or ``ssh`` type (see ``sftp_login``). Symlinks and special files are never
followed: at the end of a path they are ``SPECIAL``. The directories above an address are the server's, and may be
links.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AlreadyExists, NotFound, NotSupported, SourceChanged, StoreError
from airflow_datamove.stores.capabilities import Capabilities, PartRules
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Kind,
    Reader,
    Store,
    Upload,
    Writer,
)
from airflow_datamove.stores.sftp_files import FileReader, FileWriter, entry_of, kind_of, seconds, unchanged
from airflow_datamove.stores.sftp_protocol import (
    FAILURE,
    FOR_READING,
    FOR_WRITING,
    LSTAT,
    MADE,
    MKDIR,
    NEW,
    NO_SUCH_FILE,
    REMOVE,
    RMDIR,
    STAT,
    Session,
    Status,
)
from airflow_datamove.stores.sftp_sessions import Sessions
from airflow_datamove.stores.sftp_upload import PartFile
from airflow_datamove.stores.temporary import is_temporary, named_path, temporary_path

_MIB = 2**20


def open_store(address: Address, connections: Connections) -> Store:
    """The server of an address; it is asked when it is first needed."""
    return _SftpStore(Sessions(connections.get(address.connection_id)))


class _SftpStore(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities(parts=PartRules(least=16 * _MIB, size=8 * _MIB), stretch=8 * _MIB)

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def stat(self, path: str) -> Entry:
        with self._sessions.session(path) as session:
            return entry_of(path, session.attributes(LSTAT, _name(path)))

    def list(self, path: str) -> Iterator[Entry]:
        for entry in self._listed(path):
            if not is_temporary(entry.name):
                yield entry

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        session = self._sessions.borrow(path)
        try:
            with self._sessions.errors(path):
                # Opening would follow a link, and open what hangs.
                entry = entry_of(path, session.attributes(LSTAT, _name(path)))
                if entry.kind is not Kind.FILE:
                    raise NotFound("not a file", path=path)
                if version is not None and entry.version != version:
                    raise SourceChanged(f"{path} changed")
                size = max(0, entry.size - offset)
                size = size if length is None else min(size, length)
                if not size:
                    self._sessions.give_back(session)
                    return cast(Reader, io.BytesIO())
                handle = session.open(_name(path), FOR_READING)
        except (NotFound, SourceChanged):
            self._sessions.give_back(session)
            raise
        except BaseException:
            self._sessions.drop(session)
            raise
        check = unchanged(path, version) if version is not None else None
        return cast(Reader, FileReader(self._sessions, session, handle, path, offset, size, check))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        name, temporary = _name(path), _name(temporary_path(path))
        session = self._sessions.borrow(path)
        try:
            with self._sessions.errors(path):
                try:
                    handle = session.open(temporary, FOR_WRITING | MADE | NEW)
                except Status as status:
                    if status.code != NO_SUCH_FILE:
                        raise
                    _make(session, _above(path))
                    handle = session.open(temporary, FOR_WRITING | MADE | NEW)
        except BaseException:
            self._sessions.drop(session)
            raise
        return FileWriter(self._sessions, session, handle, (path, temporary, name), size, attributes)

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        names = (_name(path), _name(named_path(path, identity, "part")), _name(named_path(path, identity, "done")))
        modified, make = seconds(attributes.modified), partial(_make, path=_above(path))
        return PartFile(self._sessions, path, names, size, part_size, modified, make)

    def make_directory(self, path: str) -> None:
        with self._sessions.session(path) as session:
            _make(session, path)

    def delete(self, path: str) -> None:
        name = _name(path)
        with suppress(NotFound), self._sessions.session(path) as session:
            if kind_of(session.attributes(LSTAT, name).mode) is not Kind.DIRECTORY:
                session.ask(REMOVE, name)
                return
            # What killed tries left behind is no content, and goes with its directory.
            names = [found for found, _ in session.list(name)]
            if not all(is_temporary(found.decode(errors="replace")) for found in names):
                raise StoreError("the directory is not empty", path=path)
            for found in names:
                with suppress(Status):
                    session.ask(REMOVE, name.rstrip(b"/") + b"/" + found)
            session.ask(RMDIR, name)

    def leftovers(self, path: str) -> Iterator[Entry]:
        pending = [path]
        while pending:
            for entry in self._listed(pending.pop()):
                if entry.kind is Kind.DIRECTORY:
                    pending.append(entry.path)
                elif is_temporary(entry.name):
                    yield entry

    def interrupt(self) -> None:
        self._sessions.interrupt()

    def close(self) -> None:
        self._sessions.close()

    def _listed(self, path: str) -> Sequence[Entry]:
        """All children, unfinished files too."""
        top = path.rstrip("/")
        with self._sessions.session(path) as session:
            if kind_of(session.attributes(LSTAT, _name(path)).mode) is not Kind.DIRECTORY:
                raise NotFound("not a directory", path=path)
            found = [
                entry_of(f"{top}/{name.decode(errors='surrogateescape')}", told)
                for name, told in session.list(_name(path))
            ]
        return sorted(found, key=lambda entry: entry.name)


def _make(session: Session, path: str) -> None:
    """Makes a directory and what is above it."""
    missing: list[str] = []
    while path not in ("", "/"):
        try:
            # Links count: above an address they are the server's own affair.
            if kind_of(session.attributes(STAT, _name(path)).mode) is not Kind.DIRECTORY:
                raise AlreadyExists("a file stands there", path=path)
            break
        except Status as status:
            if status.code != NO_SUCH_FILE:
                raise
        missing.append(path)
        path = _above(path)
    for each in reversed(missing):
        try:
            session.ask(MKDIR, _name(each), 0)
        except Status as status:
            # Another thread may have made it.
            if status.code != FAILURE or kind_of(session.attributes(STAT, _name(each)).mode) is not Kind.DIRECTORY:
                raise


def _above(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _name(path: str) -> bytes:
    """A path as the server has it: bytes, which need not be UTF-8."""
    try:
        return path.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise NotSupported("a name that no server holds", path=repr(path)) from None
