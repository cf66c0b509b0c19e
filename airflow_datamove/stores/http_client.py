"""HTTP/1.1 to one server, for back-ends that move bytes: kept-alive connections, bodies straight from and into the
caller's memory, retries, and errors in our words.

Python's :mod:`http.client` spends more time on the headers of a small object than on everything else together, and
reads large bodies in small pieces. What is here is the part of RFC 9112 that storage services use: bodies by length or
in chunks, no trailers, no upgrades.
"""

from __future__ import annotations

import io
import os
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakSet

from airflow_datamove.errors import StoreUnavailable, Throttled, WrongUse
from airflow_datamove.stores.contract import Pace, no_pace
from airflow_datamove.stores.http_connection import Connection, Cut, Headers, default_tls, proxy_for

ANSWER_SECONDS = 60.0
_SEND = 2**18
_RECEIVE = 2**20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 20.0
_BUSY = (429, 503)
_TRANSIENT = (408, 429, 500, 502, 503, 504)


@dataclass(slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(slots=True, eq=False, weakref_slot=True)
class HttpClient:
    """A client of one server; safe to use from several threads.

    :param url: ``http://host:port`` or ``https://...``; a path in it is left to the caller.
    :param name: what an error calls the server: ``Azure Blob Storage``.
    :param tls: for https; by default the system's certificates, or those that the environment names.
    :param tries: how often a request is sent at most, where trying again may help.
    """

    url: str
    name: str
    tls: ssl.SSLContext | None = None
    tries: int = 4
    answer_seconds: float = ANSWER_SECONDS
    host: str = field(init=False)
    """Host and port as the header ``host`` says them."""
    _address: tuple[str, int] = field(init=False)
    _secure: bool = field(init=False)
    _proxy: str = field(init=False, default="")
    _idle: list[Connection] = field(init=False, default_factory=list)
    _busy: set[Connection] = field(init=False, default_factory=set)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _closed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        _clients.add(self)
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise WrongUse(f"the address of {self.name} cannot be read") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUse(f"the address of {self.name} is no http or https URL")
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname, port or (443 if self._secure else 80))
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.host = f"{host}:{port}" if port and port != (443 if self._secure else 80) else host
        self._proxy = proxy_for(parts.scheme, parts.hostname)
        if self._secure and self.tls is None:
            self.tls = default_tls()

    def request(
        self,
        method: str,
        target: str,
        headers: Headers | Callable[[], Headers],
        body: bytes | memoryview = b"",
        *,
        pace: Pace = no_pace,
        repeatable: bool = True,
    ) -> Answer:
        """Sends a request and gives the whole answer, whatever its status, once trying again no longer helps.

        :param target: path and query as they go over the wire.
        :param headers: besides ``host`` and ``content-length``; a function is asked anew at each try, for signatures
            that hold the time.
        :param pace: called before each at most 256 KiB of the body, and with a negative number before a body is sent
            again. If it has a true attribute ``even``, little is left to lie in the system's buffers.
        :param repeatable: it may be sent again after the connection broke: doing it twice is as good as once.
        :raises StoreUnavailable: if the server cannot be reached, hangs, or hangs up.
        :raises Throttled: if it still asks for fewer requests at the last try.
        """
        for attempt in range(1, self.tries + 1):
            last = attempt == self.tries
            connection = None
            passed: list[int] = []
            try:
                connection = self._connection(fresh=attempt > 1)
                answer = self._exchange(connection, method, target, headers, body, pace, passed)
            except Cut as cut:
                self._drop(connection)
                stale = connection is not None and connection.used and not cut.answered
                if self._closed or last or self._hangs(cut, attempt) or not (repeatable or stale):
                    raise self.away(str(cut)) from None
                pace(-sum(passed))
                self._pause(attempt, None)
                continue
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(connection, answer.headers)
            if answer.status not in _TRANSIENT or (answer.status not in _BUSY and not repeatable):
                return answer
            after = _retry_after(answer.headers)
            if last or (after is not None and after > _LONGEST_PAUSE):
                if answer.status in _BUSY:
                    raise Throttled(f"{self.name} asks for fewer requests ({answer.status})", retry_after=after)
                return answer
            pace(-sum(passed))
            self._pause(attempt, after)
        raise AssertionError("unreachable")

    def stream(self, method: str, target: str, headers: Headers | Callable[[], Headers]) -> Stream:
        """Sends a request without a body and gives the answer's, unread, if the status is 200 or 206; any other answer
        comes as a stream of no bytes, with its body in ``stream.answer``. Retries as :meth:`request` does, up to the
        first byte of the body.

        :raises StoreUnavailable: and Throttled as :meth:`request`.
        """
        for attempt in range(1, self.tries + 1):
            last = attempt == self.tries
            connection = None
            try:
                connection = self._connection(fresh=attempt > 1)
                connection.send_head(method, target, self._headers(headers, 0, method))
                status, found = connection.receive_head()
                if status in (200, 206) and method != "HEAD":
                    return Stream(self, connection, Answer(status, found))
                answer = Answer(status, found, connection.receive_body(method, status, found))
            except Cut as cut:
                self._drop(connection)
                if self._closed or last or self._hangs(cut, attempt):
                    raise self.away(str(cut)) from None
                self._pause(attempt, None)
                continue
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(connection, found)
            after = _retry_after(found)
            if status not in _TRANSIENT or last or (after is not None and after > _LONGEST_PAUSE):
                if status in _BUSY:
                    raise Throttled(f"{self.name} asks for fewer requests ({status})", retry_after=after)
                return Stream(self, None, answer)
            self._pause(attempt, after)
        raise AssertionError("unreachable")

    def away(self, how: str) -> StoreUnavailable:
        """The error for a server that is not there. Nothing of the request is quoted: it may hold a signature."""
        host, port = self._address
        return StoreUnavailable(
            f"{self.name} at {host}:{port} {how}", remedy="Look whether it runs, and at the connection's host and port"
        )

    def interrupt(self) -> None:
        """Breaks off every request that is under way: they fail at once, and so do later ones."""
        self._closed = True
        with self._lock:
            busy = list(self._busy)
        for connection in busy:
            connection.shut_down()

    def close(self) -> None:
        """Closes the connections that nobody uses; one that is in use is closed by its user."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def forget_connections(self) -> None:
        """For a child process after a fork: two who speak on one connection would get each other's answers."""
        self._idle, self._busy, self._lock = [], set(), threading.Lock()

    def _exchange(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: Headers | Callable[[], Headers],
        body: bytes | memoryview,
        pace: Pace,
        passed: list[int],
    ) -> Answer:
        """Sends a request once and receives its answer.

        :param passed: gets what ``pace`` was told.
        """
        size = len(body)
        sent = self._headers(headers, size, method)
        if size <= _SEND:
            if size:
                pace(size)
                passed.append(size)
            connection.send_head(method, target, sent, body)
        else:
            if getattr(pace, "even", False):
                connection.keep_little()
            connection.send_head(method, target, sent)
            view = memoryview(body)
            try:
                for start in range(0, size, _SEND):
                    piece = view[start : start + _SEND]
                    pace(len(piece))
                    passed.append(len(piece))
                    connection.send(piece)
            except Cut:
                # The server may have said why before it hung up.
                status, found = connection.receive_head()
                if status < 400:
                    raise
                return Answer(status, {**found, "connection": "close"}, connection.receive_body(method, status, found))
        status, found = connection.receive_head()
        return Answer(status, found, connection.receive_body(method, status, found))

    def _headers(self, headers: Headers | Callable[[], Headers], size: int, method: str) -> list[str]:
        given = headers() if callable(headers) else headers
        lines = [f"host: {self.host}", *(f"{name}: {value}" for name, value in given.items())]
        if size or method in ("PUT", "POST", "PATCH"):
            lines.append(f"content-length: {size}")
        for line in lines:
            if "\r" in line or "\n" in line:
                raise WrongUse(f"a header for {self.name} would hold a line break")
        return lines

    def _connection(self, *, fresh: bool) -> Connection:
        if self._closed:
            raise Cut("was given up")
        connection = None
        if not fresh:
            try:
                connection = self._idle.pop()
                connection.used = True
            except IndexError:
                pass
        if connection is None:
            connection = Connection(self._address, self._secure, self.tls, self.answer_seconds, self._proxy)
        with self._lock:
            self._busy.add(connection)
        return connection

    def _give_back(self, connection: Connection, headers: Headers) -> None:
        with self._lock:
            self._busy.discard(connection)
        if self._closed or headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._idle.append(connection)

    def _drop(self, connection: Connection | None) -> None:
        if connection is not None:
            with self._lock:
                self._busy.discard(connection)
            connection.close()

    def _hangs(self, cut: Cut, attempt: int) -> bool:
        """True where another try would most likely wait for nothing as long again: a minute each."""
        return cut.hangs and attempt > 1

    def _pause(self, attempt: int, after: float | None) -> None:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
        until = time.monotonic() + (after if after is not None else longest * random.uniform(0.5, 1.0))
        while not self._closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))


_clients: WeakSet[HttpClient] = WeakSet()


def _forget_all() -> None:
    for client in list(_clients):
        client.forget_connections()


os.register_at_fork(after_in_child=_forget_all)


class Stream(io.RawIOBase):
    """The body of an answer; see :meth:`HttpClient.stream`. Closing it early closes its connection."""

    def __init__(self, client: HttpClient, connection: Connection | None, answer: Answer) -> None:
        self._client, self._connection = client, connection
        self.answer = answer
        """Status and headers; the body only where the status is neither 200 nor 206."""
        self._chunked = answer.headers.get("transfer-encoding", "").lower() == "chunked"
        length = answer.headers.get("content-length")
        self.left: int | None = 0 if connection is None else None if self._chunked or length is None else int(length)
        """Bytes that are still to come, where the server has announced how many."""
        self._chunk = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Receives straight into the buffer: as much as it holds, up to the end, but at most 1 MiB.

        :raises StoreUnavailable: if the connection is cut before the end.
        """
        connection = self._connection
        if connection is None or len(buffer) == 0:
            return 0
        view = memoryview(buffer).cast("B")[:_RECEIVE]
        try:
            if self._chunked:
                if self._chunk == 0:
                    self._chunk = connection.receive_chunk_size()
                    if self._chunk == 0:
                        self._finish()
                        return 0
                count = connection.receive_into(view[: self._chunk])
                self._chunk -= count
                if self._chunk == 0 and count:
                    connection.receive_line()
                if count == 0:
                    raise Cut("hung up before the end")
                return count
            if self.left is None:
                count = connection.receive_into(view)
                if count == 0:
                    self.close()
                return count
            count = connection.receive_into(view[: self.left]) if self.left else 0
            if count == 0 and self.left:
                raise Cut(f"hung up {self.left} bytes before the end")
            self.left -= count
            if self.left == 0:
                self._finish()
            return count
        except Cut as cut:
            self.close()
            raise self._client.away(str(cut)) from None

    def close(self) -> None:
        """Lets go of the connection."""
        connection, self._connection = self._connection, None
        self._client._drop(connection)
        super().close()

    def _finish(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._client._give_back(connection, self.answer.headers)


def _retry_after(headers: Headers) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            return None
