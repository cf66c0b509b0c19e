"""One connection of the HTTP client: RFC 9112's messages over a socket, TLS and proxies as the environment says."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import urllib.request
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import unquote, urlsplit

CONNECT_SECONDS = 5.0
_NOTSENT_LOWAT = 25  # TCP_NOTSENT_LOWAT, which Python's socket module does not name
_UNSENT = 2**18
_HEAD = 2**16
_LONGEST_HEAD = 2**18

Headers = Mapping[str, str]
"""Names in lower case."""


class Cut(Exception):
    """The connection broke, or the server did not answer in time."""

    def __init__(self, how: str, *, answered: bool = False, hangs: bool = False) -> None:
        super().__init__(how)
        self.answered = answered
        self.hangs = hangs


class Connection:
    """One connection. Everything that goes wrong is a :class:`Cut`.

    :param seconds: the longest silence that is borne.
    :param proxy: a URL; empty: none.
    """

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
            raise Cut(f"has a certificate or a protocol that is refused ({error.reason or 'TLS'})") from None
        except OSError as error:
            how = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
            raise Cut(how) from None
        self._socket = sock

    def send_head(self, method: str, target: str, lines: Iterable[str], body: bytes | memoryview = b"") -> None:
        """Sends a request's line and headers, and a small body with them."""
        head = "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", "")).encode("latin-1")
        if len(body) <= 2**16:
            self.send(b"".join((head, body)) if len(body) else head)
        else:
            self.send(head)
            self.send(body)

    def keep_little(self) -> None:
        """Lets little lie unsent in the system's buffer, from now on: after a stall of the server all of it passes at
        once, whatever the rate, and by default that may be MiB for each connection."""
        with suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT)

    def send(self, data: bytes | memoryview) -> None:
        """Sends bytes of a body."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _cut(error) from None

    def receive_head(self) -> tuple[int, dict[str, str]]:
        """An answer's status and headers; interim ones (100) are passed over."""
        while True:
            head = self._until(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            if not first.startswith("HTTP/1."):
                raise Cut("does not speak HTTP", answered=True)
            try:
                status = int(first[9:12])
            except ValueError:
                raise Cut("does not speak HTTP", answered=True) from None
            if status >= 200:
                break
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if not headers.get("content-length", "0").isdecimal():
            raise Cut("does not speak HTTP", answered=True)
        if first.startswith("HTTP/1.0") and "connection" not in headers:
            headers["connection"] = "close"
        return status, headers

    def receive_body(self, method: str, status: int, headers: Headers) -> bytes:
        """A whole body, as the headers delimit it."""
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
            raise Cut("does not speak HTTP", answered=True) from None
        if size == 0:
            while self.receive_line():
                pass
        return size

    def receive_line(self) -> bytes:
        """Up to the next line break, which is left out."""
        return self._until(b"\r\n")

    def shut_down(self) -> None:
        """Wakes whoever waits for this connection."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Harmless when repeated."""
        try:
            self._socket.close()
        except OSError:
            return

    def _until(self, end: bytes) -> bytes:
        buffer = self._buffer
        while (at := buffer.find(end)) < 0:
            if len(buffer) > _LONGEST_HEAD:
                raise Cut("does not speak HTTP", answered=True)
            piece = self._some()
            if not piece:
                raise Cut("hung up without an answer", answered=bool(buffer))
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
                raise Cut(f"hung up {size - have} bytes before the end", answered=True)
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


def _cut(error: OSError, *, answered: bool = False) -> Cut:
    late = isinstance(error, (TimeoutError, BlockingIOError))
    return Cut("did not answer in time" if late else "hung up", answered=answered, hangs=late)


def proxy_for(scheme: str, host: str) -> str:
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
