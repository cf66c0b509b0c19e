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
import socket
import ssl
import struct
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from airflow_datamove.errors import StoreUnavailable, Throttled, WrongUse
from airflow_datamove.stores.contract import Pace, no_pace

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
_SEND = 2**18
_RECEIVE = 2**20
_HEAD = 2**16
_LONGEST_HEAD = 2**18
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 20.0
_BUSY = (429, 503)
_TRANSIENT = (408, 429, 500, 502, 503, 504)

Headers = Mapping[str, str]
"""Names in lower case."""


class _Cut(Exception):
    """The connection broke, or the server did not answer in time."""

    def __init__(self, how: str, *, answered: bool = False) -> None:
        super().__init__(how)
        self.answered = answered


@dataclass(slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(slots=True)
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
    _idle: list[_Connection] = field(init=False, default_factory=list)
    _busy: set[_Connection] = field(init=False, default_factory=set)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _closed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
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
        self._proxy = _proxy_for(parts.scheme, parts.hostname)
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
        :param pace: called before each at most 256 KiB of the body.
        :param repeatable: it may be sent again after the connection broke: doing it twice is as good as once.
        :raises StoreUnavailable: if the server cannot be reached, hangs, or hangs up.
        :raises Throttled: if it still asks for fewer requests at the last try.
        """
        for attempt in range(1, self.tries + 1):
            last = attempt == self.tries
            connection = None
            try:
                connection = self._connection(fresh=attempt > 1)
                answer = self._exchange(connection, method, target, headers, body, pace)
            except _Cut as cut:
                self._drop(connection)
                stale = connection is not None and connection.used and not cut.answered
                if self._closed or (last or not (repeatable or stale)):
                    raise self.away(str(cut)) from None
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
            except _Cut as cut:
                self._drop(connection)
                if self._closed or last:
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

    def _exchange(
        self,
        connection: _Connection,
        method: str,
        target: str,
        headers: Headers | Callable[[], Headers],
        body: bytes | memoryview,
        pace: Pace,
    ) -> Answer:
        size = len(body)
        sent = self._headers(headers, size, method)
        if size <= _SEND:
            if size:
                pace(size)
            connection.send_head(method, target, sent, body)
        else:
            connection.send_head(method, target, sent)
            view = memoryview(body)
            try:
                for start in range(0, size, _SEND):
                    piece = view[start : start + _SEND]
                    pace(len(piece))
                    connection.send(piece)
            except _Cut:
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

    def _connection(self, *, fresh: bool) -> _Connection:
        if self._closed:
            raise _Cut("was given up")
        connection = None
        if not fresh:
            try:
                connection = self._idle.pop()
                connection.used = True
            except IndexError:
                pass
        if connection is None:
            connection = _Connection(self._address, self._secure, self.tls, self.answer_seconds, self._proxy)
        with self._lock:
            self._busy.add(connection)
        return connection

    def _give_back(self, connection: _Connection, headers: Headers) -> None:
        with self._lock:
            self._busy.discard(connection)
        if self._closed or headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._idle.append(connection)

    def _drop(self, connection: _Connection | None) -> None:
        if connection is not None:
            with self._lock:
                self._busy.discard(connection)
            connection.close()

    def _pause(self, attempt: int, after: float | None) -> None:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
        until = time.monotonic() + (after if after is not None else longest * random.uniform(0.5, 1.0))
        while not self._closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))


class Stream(io.RawIOBase):
    """The body of an answer; see :meth:`HttpClient.stream`. Closing it early closes its connection."""

    def __init__(self, client: HttpClient, connection: _Connection | None, answer: Answer) -> None:
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
                    raise _Cut("hung up before the end")
                return count
            if self.left is None:
                count = connection.receive_into(view)
                if count == 0:
                    self.close()
                return count
            count = connection.receive_into(view[: self.left]) if self.left else 0
            if count == 0 and self.left:
                raise _Cut(f"hung up {self.left} bytes before the end")
            self.left -= count
            if self.left == 0:
                self._finish()
            return count
        except _Cut as cut:
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


class _Connection:
    """One connection. Everything that goes wrong is a :class:`_Cut`."""

    __slots__ = ("_buffer", "_socket", "_waitall", "used")

    def __init__(
        self, address: tuple[str, int], secure: bool, tls: ssl.SSLContext | None, seconds: float, proxy: str
    ) -> None:
        self.used = False
        self._buffer = b""
        try:
            sock = _tunnel(proxy, address) if proxy else socket.create_connection(address, CONNECT_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure and tls is not None:
                sock.settimeout(seconds)
                sock = tls.wrap_socket(sock, server_hostname=address[0])
                self._waitall = 0
            else:
                # The system's own time-outs keep the socket blocking, so that one call can wait for a whole buffer.
                sock.settimeout(None)
                limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
                self._waitall = socket.MSG_WAITALL
        except ssl.SSLError as error:
            raise _Cut(f"has a certificate or a protocol that is refused ({error.reason or 'TLS'})") from None
        except OSError as error:
            how = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
            raise _Cut(how) from None
        self._socket = sock

    def send_head(self, method: str, target: str, lines: Iterable[str], body: bytes | memoryview = b"") -> None:
        head = "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", "")).encode("latin-1")
        if len(body) <= 2**16:
            self.send(b"".join((head, body)) if len(body) else head)
        else:
            self.send(head)
            self.send(body)

    def send(self, data: bytes | memoryview) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _cut(error) from None

    def receive_head(self) -> tuple[int, dict[str, str]]:
        while True:
            head = self._until(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            if not first.startswith("HTTP/1."):
                raise _Cut("does not speak HTTP", answered=True)
            try:
                status = int(first[9:12])
            except ValueError:
                raise _Cut("does not speak HTTP", answered=True) from None
            if status >= 200:
                break
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if not headers.get("content-length", "0").isdecimal():
            raise _Cut("does not speak HTTP", answered=True)
        if first.startswith("HTTP/1.0") and "connection" not in headers:
            headers["connection"] = "close"
        return status, headers

    def receive_body(self, method: str, status: int, headers: Headers) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = []
            while size := self.receive_chunk_size():
                pieces.append(self._exactly(size))
                self.receive_line()
            return b"".join(pieces)
        length = headers.get("content-length")
        if length is not None:
            return self._exactly(int(length))
        if headers.get("connection", "").lower() != "close":
            return b""
        rest = [self._buffer]
        self._buffer = b""
        while piece := self._some():
            rest.append(piece)
        return b"".join(rest)

    def receive_into(self, view: memoryview) -> int:
        """Up to ``len(view)`` bytes; 0 at the end of the connection."""
        if self._buffer:
            count = min(len(view), len(self._buffer))
            view[:count] = self._buffer[:count]
            self._buffer = self._buffer[count:]
            return count
        try:
            return self._socket.recv_into(view, 0, self._waitall)
        except OSError as error:
            raise _cut(error, answered=True) from None

    def receive_chunk_size(self) -> int:
        """The size of the next chunk of a body; after 0, the last, the body is over."""
        line = self.receive_line()
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise _Cut("does not speak HTTP", answered=True) from None
        if size == 0:
            while self.receive_line():
                pass
        return size

    def receive_line(self) -> bytes:
        return self._until(b"\r\n")

    def shut_down(self) -> None:
        """Wakes whoever waits for this connection."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        try:
            self._socket.close()
        except OSError:
            return

    def _until(self, end: bytes) -> bytes:
        buffer = self._buffer
        while (at := buffer.find(end)) < 0:
            if len(buffer) > _LONGEST_HEAD:
                raise _Cut("does not speak HTTP", answered=True)
            piece = self._some()
            if not piece:
                raise _Cut("hung up without an answer", answered=bool(buffer))
            buffer = buffer + piece if buffer else piece
        self._buffer = buffer[at + len(end) :]
        return buffer[:at]

    def _exactly(self, size: int) -> bytes:
        have = len(self._buffer)
        if have >= size:
            whole, self._buffer = self._buffer[:size], self._buffer[size:]
            return whole
        data = bytearray(size)
        data[:have] = self._buffer
        self._buffer = b""
        view = memoryview(data)
        while have < size:
            count = self.receive_into(view[have:])
            if count == 0:
                raise _Cut(f"hung up {size - have} bytes before the end", answered=True)
            have += count
        return bytes(data)

    def _some(self) -> bytes:
        try:
            return self._socket.recv(_HEAD)
        except OSError as error:
            raise _cut(error) from None


def default_tls() -> ssl.SSLContext:
    """TLS with the system's certificates, or with those that ``REQUESTS_CA_BUNDLE`` or ``SSL_CERT_FILE`` names."""
    return ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE") or None)


def _cut(error: OSError, *, answered: bool = False) -> _Cut:
    late = isinstance(error, (TimeoutError, BlockingIOError))
    return _Cut("did not answer in time" if late else "hung up", answered=answered)


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


def _proxy_for(scheme: str, host: str) -> str:
    """The proxy that the environment names for a host (``HTTPS_PROXY``, ``NO_PROXY``): for https alone, by a tunnel."""
    if scheme != "https" or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get("https", "")


def _tunnel(proxy: str, address: tuple[str, int]) -> socket.socket:
    """A connection through a proxy (RFC 9110, 9.3.6)."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    sock = socket.create_connection((parts.hostname or "", parts.port or 3128), CONNECT_SECONDS)
    login = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"
    where = f"{address[0]}:{address[1]}"
    sock.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{login}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(4096)
        if not piece or len(head) > _HEAD:
            raise ConnectionError("the proxy hung up")
        head += piece
    if head.split(b" ", 2)[1] != b"200":
        raise ConnectionError("the proxy refuses")
    return sock
