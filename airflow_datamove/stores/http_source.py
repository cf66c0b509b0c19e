"""``http://`` and ``https://``: the files of a web server, as sources alone.

The connection is Airflow's ``http`` type (see ``http_source_login``), or there is none. All characters of an address
are of the path and stand for themselves, ``?`` and ``%`` too: what a URL must encode is encoded here, and a query
cannot be asked for. A page that shows what a folder holds is no listing: a web server's files are named one by one.

A server that knows of no ranges sends all that is before one as well, which is read and thrown away.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast
from urllib.parse import quote, urljoin, urlsplit

from airflow_datamove.address import Address
from airflow_datamove.errors import NotSupported, SourceChanged, StoreError, StoreUnavailable, WrongUse
from airflow_datamove.stores.capabilities import Capabilities
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Reader,
    Store,
    Writer,
)
from airflow_datamove.stores.http_client import Answer, HttpClient, Stream
from airflow_datamove.stores.http_source_answers import entry_of, error_of, is_etag, range_of, size_of, version_of
from airflow_datamove.stores.http_source_login import Origin, WebLogin, is_internal, origin_of, web_login

# What RFC 3986 lets stand in a path, but for the plus sign, which some servers take for a space.
_PLAIN = "/-._~!$&'()*,;=:@"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_HEAD_REFUSED = (400, 401, 403, 405, 500, 501)
_SKIP = 2**18


def open_store(address: Address, connections: Connections) -> Store:
    """The server of an address.

    :raises WrongUse: if the connection is for another one, or cannot be used.
    """
    origin = origin_of(f"{address.scheme}://{address.authority}")
    login = web_login(connections.get(address.connection_id), origin) if address.connection_id else WebLogin()
    return _HttpSource(origin, login)


class _Found(NamedTuple):
    """Where the redirects have led, and what was answered there."""

    stream: Stream | None
    answer: Answer


class _HttpSource(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities(metadata=True, read_only=True, cloud=True, forks=True, stretch=16 * 2**20)

    def __init__(self, origin: Origin, login: WebLogin) -> None:
        self._origin, self._login = origin, login
        self._clients: dict[Origin, HttpClient] = {}
        self._lock = threading.Lock()
        self._closed = False

    def stat(self, path: str) -> Entry:
        self._refuse_directory(path)
        answer = self._follow(path, {}, self._head).answer
        if answer.status in _HEAD_REFUSED or (answer.status == 200 and size_of(answer) is None):
            stream, answer = self._follow(path, {"range": "bytes=0-0"}, self._get)
            if stream is not None:
                stream.close()
            if answer.status == 416:  # of no bytes there is no first one
                return entry_of(path, answer, 0)
        if answer.status not in (200, 206):
            raise error_of(answer, path, self._name)
        size = size_of(answer)
        if size is None:
            raise NotSupported(f"{self._name} does not say how long it is", path=path, remedy=_REMEDY)
        return entry_of(path, answer, size)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        self._refuse_directory(path)
        headers = {"if-match": version} if version is not None and is_etag(version) else {}
        if offset or length is not None:
            headers["range"] = f"bytes={offset}-{'' if length is None else offset + max(length, 1) - 1}"
        stream, answer = self._follow(path, headers, self._get)
        if answer.status == 416:
            return cast(Reader, io.BytesIO())
        if stream is None or answer.status not in (200, 206):
            raise error_of(answer, path, self._name)
        try:
            # A server need not know of if-match, nor of ranges: what it says of its answer counts.
            if version is not None and version_of(answer) != version:
                raise SourceChanged(f"{path} is gone, or has been replaced")
            skip = offset
            if answer.status == 206:
                told = range_of(answer.headers)
                if told is None or told[0] != offset:
                    raise StoreUnavailable(f"{self._name} answered with another range", path=path)
                skip = 0
            size = size_of(answer)
            reader = _Body(stream, None if size is None else max(0, size - offset), length)
            reader.skip(skip)
        except BaseException:
            stream.close()
            raise
        return cast(Reader, reader)

    def list(self, path: str) -> Iterator[Entry]:
        raise NotSupported(_NO_LISTING, path=path, remedy=_NAME_THEM)

    def walk(self, path: str) -> Iterator[Entry]:
        raise NotSupported(_NO_LISTING, path=path, remedy=_NAME_THEM)

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        raise NotSupported(_READ_ONLY, path=path)

    def make_directory(self, path: str) -> None:
        raise NotSupported(_READ_ONLY, path=path)

    def delete(self, path: str) -> None:
        raise NotSupported(_READ_ONLY, path=path)

    def create_root(self) -> None:
        raise NotSupported(_READ_ONLY)

    def interrupt(self) -> None:
        self._closed = True
        for client in list(self._clients.values()):
            client.interrupt()

    def close(self) -> None:
        self._closed = True
        for client in list(self._clients.values()):
            client.close()

    @property
    def _name(self) -> str:
        return f"the web server {self._origin.host}"

    def _follow(
        self, path: str, headers: Mapping[str, str], ask: Callable[[HttpClient, str, Mapping[str, str]], _Found]
    ) -> _Found:
        """Asks, and follows where the answers lead (RFC 9110, 15.4)."""
        url = f"{self._origin.url}{quote(path, safe=_PLAIN)}"
        for _ in range(_MOST_REDIRECTS + 1):
            origin = origin_of(url)
            parts = urlsplit(url)
            sent = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "airflow-datamove", **headers}
            if self._is_own(origin):
                sent |= self._login.headers
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            found = ask(self._client(origin), target, sent)
            location = found.answer.headers.get("location")
            if found.answer.status not in _REDIRECTS or not location:
                return found
            url = self._led(url, location, path)
        raise StoreError(f"{self._name} leads to more than {_MOST_REDIRECTS} other places", path=path)

    def _led(self, url: str, location: str, path: str) -> str:
        try:
            # What should have been encoded often is not.
            led = urljoin(url, quote(location.encode("latin-1"), safe=f"{_PLAIN}+%?#[]"))
            origin = origin_of(led)
        except (ValueError, WrongUse):
            raise StoreError(f"{self._name} leads to what is no address", path=path) from None
        if origin.scheme == "http" and url.startswith("https:"):
            raise StoreError(f"{self._name} leads from https to http, where anybody may answer", path=path)
        if origin.host != self._origin.host and is_internal(origin.host) and not is_internal(self._origin.host):
            # Else whoever answers there could have the worker fetch what only it can reach.
            raise StoreError(f"{self._name} leads to a host of the worker's own network", path=path)
        return led

    def _is_own(self, origin: Origin) -> bool:
        """True if what the connection holds may be shown there: the server itself, or the same one by https."""
        own = self._origin
        return origin == own or (origin == Origin("https", own.host, 443) and own == Origin("http", own.host, 80))

    def _client(self, origin: Origin) -> HttpClient:
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"{self._name} was given up")
            if origin not in self._clients:
                name = f"the web server {origin.host}"
                tls = self._login.tls if origin.scheme == "https" and origin.host == self._origin.host else None
                self._clients[origin] = HttpClient(origin.url, name, tls=tls)
            return self._clients[origin]

    def _head(self, client: HttpClient, target: str, headers: Mapping[str, str]) -> _Found:
        return _Found(None, client.request("HEAD", target, headers))

    def _get(self, client: HttpClient, target: str, headers: Mapping[str, str]) -> _Found:
        stream = client.stream("GET", target, headers)
        return _Found(stream if stream.answer.status in (200, 206) else None, stream.answer)

    def _refuse_directory(self, path: str) -> None:
        if path.endswith("/"):
            raise NotSupported(_NO_LISTING, path=path, remedy=_NAME_THEM)
        try:
            path.encode()
        except UnicodeEncodeError:
            raise NotSupported("a name that no URL can hold", path=repr(path)) from None


class _Body(io.RawIOBase):
    """The wanted bytes of an answer.

    :param size: bytes from the offset to the file's end, where the server says.
    :param length: bytes that are wanted; ``None``: all.
    """

    def __init__(self, stream: Stream, size: int | None, length: int | None) -> None:
        self._stream = stream
        self._left = size if length is None else length if size is None else min(size, length)

    def skip(self, count: int) -> None:
        """Reads what a server that knows of no ranges sends before the offset."""
        buffer = memoryview(bytearray(min(count, _SKIP)))
        while count:
            read = self._stream.readinto(buffer[:count])
            if not read:
                self._left = 0
                return
            count -= read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left is None:
            return self._stream.readinto(buffer)
        count = self._stream.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


_REMEDY = "Have the server say Content-Length"
_NO_LISTING = "a web server lists no files"
_NAME_THEM = "Name each file, by a manifest for instance"
_READ_ONLY = "a web server is a source alone"
