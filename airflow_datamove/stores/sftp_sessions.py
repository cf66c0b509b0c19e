"""The SSH connections of one store and their channels: each thread that asks has a channel for itself."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_datamove.errors import (
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreUnavailable,
)
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.sftp_login import connect
from airflow_datamove.stores.sftp_protocol import NO_SUCH_FILE, PERMISSION_DENIED, UNSUPPORTED, Broken, Session, Status

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

_CHANNELS = 8
"""Of one connection: several channels of one connection are faster than as many connections, and servers allow ten."""
_ANSWER_SECONDS = 60.0
_OPEN_SECONDS = 10.0
_WINDOW = 2**22


@dataclass(slots=True, eq=False)
class _Login:
    """One SSH connection."""

    client: SSHClient
    sessions: set[Session] = field(default_factory=set)
    full: bool = False


class Sessions:
    """Channels, made when they are needed and used again. Safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._logins: list[_Login] = []
        self._idle: list[Session] = []
        self._closed = False

    def borrow(self, path: str) -> Session:
        """A channel for the caller alone, who gives it back or drops it."""
        with self._lock:
            while self._idle:
                session = self._idle.pop()
                if session.alive:
                    return session
                self._forget(session)
            with self.errors(path):
                return self._new()

    def give_back(self, session: Session) -> None:
        """Takes a channel back on which nothing is under way."""
        with self._lock:
            if self._closed or not session.alive:
                self._forget(session)
            else:
                self._idle.append(session)

    def drop(self, session: Session) -> None:
        """Ends a channel of which nobody knows what is under way."""
        with self._lock:
            self._forget(session)

    @contextmanager
    def session(self, path: str) -> Iterator[Session]:
        """A channel for a few requests; its errors in our words."""
        session = self.borrow(path)
        try:
            with self.errors(path):
                yield session
        except (StoreUnavailable, PermissionDenied) as error:
            if isinstance(error, StoreUnavailable) or not session.alive:
                self.drop(session)
                raise
            self.give_back(session)
            raise
        except StoreError:
            self.give_back(session)
            raise
        except BaseException:
            self.drop(session)
            raise
        self.give_back(session)

    @contextmanager
    def errors(self, path: str) -> Iterator[None]:
        """Turns the server's refusals, and what breaks on the way, into our errors."""
        try:
            yield
        except Status as status:
            raise error_of(status, path) from None
        except Broken as broken:
            raise self._away(str(broken), path) from None
        except struct.error:
            raise self._away("does not speak SFTP", path) from None
        except (EOFError, OSError) as error:
            raise self._away(f"hung up ({type(error).__name__})", path) from None

    def interrupt(self) -> None:
        """Ends all connections: whoever waits for one fails at once, and so does who asks later."""
        self._closed = True
        # Without the lock, which whoever is logging in holds.
        for login in list(self._logins):
            transport = login.client.get_transport()
            if transport is not None:
                transport.close()

    def close(self) -> None:
        """Ends all connections."""
        self.interrupt()
        with self._lock:
            for login in self._logins:
                login.client.close()
            self._logins.clear()
            self._idle.clear()

    def _away(self, how: str, path: str) -> StoreUnavailable:
        where = f"SFTP at {self._connection.host}"
        return StoreUnavailable(f"{where} {'was given up' if self._closed else how}", path=path)

    def _new(self) -> Session:
        for login in list(self._logins):
            transport = login.client.get_transport()
            if transport is None or not transport.is_active():
                login.client.close()
                self._logins.remove(login)
            elif not login.full and len(login.sessions) < _CHANNELS:
                session = self._on(login)
                if session is not None:
                    return session
                login.full = True
        if self._closed:
            raise Broken("was given up")
        login = _Login(connect(self._connection))
        self._logins.append(login)
        session = self._on(login)
        if session is None:
            raise PermissionDenied("the server opens no SFTP session for this login")
        return session

    def _on(self, login: _Login) -> Session | None:
        """A new channel; ``None`` if the server does not give one."""
        import paramiko

        transport = login.client.get_transport()
        assert transport is not None
        channel: Channel | None = None
        try:
            channel = transport.open_session(_WINDOW, timeout=_OPEN_SECONDS)
            channel.settimeout(_ANSWER_SECONDS)
            channel.invoke_subsystem("sftp")
            session = Session(channel)
        except paramiko.ChannelException:
            return None
        except paramiko.SSHException:
            if channel is not None:
                channel.close()
            if transport.is_active():
                return None
            raise Broken("hung up") from None
        login.sessions.add(session)
        return session

    def _forget(self, session: Session) -> None:
        session.close()
        for login in self._logins:
            login.sessions.discard(session)


def error_of(status: Status, path: str) -> StoreError:
    """The error for a refusal. The server's text is left out: it is for its log."""
    if status.code == NO_SUCH_FILE:
        return NotFound("there is nothing here", path=path)
    if status.code == PERMISSION_DENIED:
        return PermissionDenied("the server does not allow it", path=path)
    if status.code == UNSUPPORTED:
        return NotSupported("this server cannot do that", path=path)
    return StoreError(f"the server refuses (status {status.code})", path=path)
