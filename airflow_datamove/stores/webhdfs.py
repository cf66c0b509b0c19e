"""The WebHDFS protocol: name nodes in high availability, retries in bounded time, errors in our words.

Data goes straight to and from a data node over :mod:`http.client`, which costs a third less CPU than requests does.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreUnavailable,
)

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
DATA_SECONDS = 60.0
_TRIES = 3
_PAUSE = 0.3

_ERRORS: dict[str, tuple[type[StoreError], str]] = {
    "FileNotFoundException": (NotFound, "there is nothing here"),
    "AccessControlException": (PermissionDenied, "HDFS does not allow it"),
    "SecurityException": (PermissionDenied, "HDFS does not know this user"),
    "AuthenticationException": (PermissionDenied, "HDFS does not know this user"),
    "FileAlreadyExistsException": (AlreadyExists, "something stands there"),
    "ParentNotDirectoryException": (AlreadyExists, "a file stands where a directory must be"),
    "PathIsNotEmptyDirectoryException": (StoreError, "the directory is not empty"),
    "PathComponentTooLongException": (NotSupported, "the name is too long for HDFS"),
    "InvalidPathException": (NotSupported, "a name that HDFS cannot hold"),
    "IllegalArgumentException": (NotSupported, "a name that HDFS cannot hold"),
    "HadoopIllegalArgumentException": (NotSupported, "a name that HDFS cannot hold"),
    "DSQuotaExceededException": (StoreError, "the space quota is used up"),
    "NSQuotaExceededException": (StoreError, "the name quota is used up"),
    "SafeModeException": (StoreUnavailable, "the name node is in safe mode"),
    "RetriableException": (StoreUnavailable, "the name node is not ready"),
    "StandbyException": (StoreUnavailable, "no name node is active"),
}
# HDFS takes /.reserved/raw/a for /a, and a number below /.reserved/.inodes for whatever file has it.
_RESERVED = "/.reserved"
_ELSEWHERE = ("StandbyException", "RetriableException")


class WebHdfs:
    """A client of one file system. Safe to use from several threads.

    :param urls: the name nodes, ``http://host:9870``; the active one is found and kept to.
    :param user: who asks (simple authentication); ``""`` leaves it to the cluster's default.
    :param verify: True, or the path of a bundle of certificates, for https.
    """

    def __init__(self, urls: list[str], user: str, verify: bool | str = True) -> None:
        self._urls, self._user = urls, user
        self._active = 0
        self._session = requests.Session()
        self._session.trust_env = False  # the environment's proxies and .netrc are looked up at every single call
        self._session.verify = verify
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=64)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._tls = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
        if verify is False:
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._lock = threading.Lock()

    def call(self, method: str, operation: str, path: str, *, about: str = "", **parameters: str) -> dict[str, Any]:
        """One operation of the name node, and its JSON.

        :param about: the path that an error names, where it is not ``path``.
        :raises StoreError: or one of its kinds, after at most three tries.
        """
        response = self._ask(method, operation, path, about or path, parameters)
        if not response.content:
            return {}
        found: dict[str, Any] = response.json()
        return found

    def data_url(self, method: str, operation: str, path: str, *, about: str = "", **parameters: str) -> str:
        """Where the name node sends the bytes of OPEN or CREATE: a URL of a data node."""
        response = self._ask(method, operation, path, about or path, parameters)
        return response.headers.get("Location") or str(response.request.url)

    def connect(self, method: str, url: str, path: str, *, size: int | None = None) -> http.client.HTTPConnection:
        """Begins a request to a data node: the headers are sent, and ``size`` bytes may follow.

        :raises StoreUnavailable: if it is away.
        """
        parts = urlsplit(url)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.netloc, timeout=CONNECT_SECONDS, context=self._tls)
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            if isinstance(connection.sock, socket.socket):
                connection.sock.settimeout(DATA_SECONDS)
            connection.putrequest(method, f"{parts.path}?{parts.query}", skip_accept_encoding=True)
            if size is not None:
                connection.putheader("Content-Type", "application/octet-stream")
                connection.putheader("Content-Length", str(size))
            connection.endheaders()
        except OSError as error:
            connection.close()
            raise away(path, f"data node {parts.netloc}", error) from None
        return connection

    def close(self) -> None:
        """Gives back the connections."""
        self._session.close()

    def _ask(self, method: str, operation: str, path: str, about: str, parameters: dict[str, str]) -> requests.Response:
        if f"{path}/".startswith(f"{_RESERVED}/"):
            raise NotSupported("a name that HDFS takes for another", path=about, remedy="Name the path itself")
        try:
            query = urlencode(
                {"op": operation, **({"user.name": self._user} if self._user else {}), **parameters},
                quote_via=quote,
                safe="",
            )
            where = f"/webhdfs/v1{quote(path)}?{query}"
        except UnicodeEncodeError:
            raise NotSupported("a name that HDFS cannot hold", path=repr(about)) from None
        failure: StoreError = StoreUnavailable("no name node answers", path=about)
        for attempt in range(_TRIES):
            for _ in self._urls:
                active = self._active
                try:
                    response = self._session.request(
                        method,
                        self._urls[active] + where,
                        timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                        allow_redirects=False,
                        stream=operation == "OPEN",
                    )
                except requests.Timeout as error:
                    if not isinstance(error, requests.ConnectTimeout):
                        # It may have been carried out: who asked must decide whether to ask again.
                        raise away(about, self._host(active), error) from None
                    failure = away(about, self._host(active), error)
                except requests.RequestException as error:
                    failure = away(about, self._host(active), error)
                else:
                    if response.status_code < 400:
                        if operation == "OPEN":  # HttpFS answers with the bytes themselves; they are asked for again
                            response.close()
                        return response
                    kind, failure = _failure(response, about)
                    if kind not in _ELSEWHERE and not isinstance(failure, StoreUnavailable):
                        raise failure
                with self._lock:
                    if self._active == active:
                        self._active = (active + 1) % len(self._urls)
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE * 2**attempt)
        raise failure

    def _host(self, index: int) -> str:
        return f"name node {urlsplit(self._urls[index]).netloc}"


def away(path: str, who: str, error: BaseException) -> StoreUnavailable:
    """The error for a server that did not answer. The cause's text is left out: it quotes the whole URL."""
    how = "did not answer in time" if isinstance(error, (requests.Timeout, TimeoutError)) else "cannot be reached"
    return StoreUnavailable(
        f"{who} {how}", path=path, remedy="Look whether it runs, and at the connection's host and port"
    )


def remote_failure(status: int, body: bytes, path: str) -> StoreError:
    """A data node's refusal in our words."""
    response = requests.Response()
    response.status_code, response._content = status, body
    return _failure(response, path)[1]


def _failure(response: requests.Response, path: str) -> tuple[str, StoreError]:
    try:
        remote = response.json()["RemoteException"]
        kind, message = str(remote["exception"]), str(remote.get("message", ""))
    except (ValueError, KeyError, TypeError):
        kind, message = "", ""
    if kind == "AccessControlException" and "is not a directory" in message:
        return kind, NotFound("there is nothing here: a file stands above it", path=path)
    if kind in _ERRORS:
        make, text = _ERRORS[kind]
        return kind, make(text, path=path)
    if response.status_code == 401:
        return kind, PermissionDenied("HDFS does not know this user", path=path)
    first = message.partition("\n")[0][:300]
    text = f"WebHDFS answered {response.status_code} {kind} {first}".rstrip()
    if response.status_code >= 500:
        return kind, StoreUnavailable(text, path=path)
    return kind, StoreError(text, path=path)
