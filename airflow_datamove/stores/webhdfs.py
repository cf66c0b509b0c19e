"""The WebHDFS protocol: name nodes in high availability, redirects to data nodes, retries in bounded time.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html. HttpFS and Knox, which speak it too,
redirect to themselves or answer with the bytes at once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from airflow_datamove.errors import NotSupported, StoreError, StoreUnavailable, Throttled
from airflow_datamove.stores.contract import Pace, no_pace
from airflow_datamove.stores.hdfs_answers import ELSEWHERE, refusal
from airflow_datamove.stores.hdfs_login import HdfsLogin
from airflow_datamove.stores.hdfs_spnego import Proof
from airflow_datamove.stores.http_client import Answer, HttpClient, Stream
from airflow_datamove.stores.http_connection import Headers
from airflow_datamove.stores.http_sending import Sending

ANSWER_SECONDS = 30.0
"""That a name node may take."""
DATA_SECONDS = 60.0
"""That a data node may be silent."""
_TRIES = 3
_PAUSE = 0.3
# HDFS takes /.reserved/raw/a for /a, and a number below /.reserved/.inodes for whatever file has it.
_RESERVED = "/.reserved"
_CONTENT: Headers = {"content-type": "application/octet-stream"}
_NOTHING: Mapping[str, str] = {}
_FOUND = (301, 302, 303, 307, 308)
_T = TypeVar("_T")


class WebHdfs:
    """A client of one file system. Safe to use from several threads."""

    def __init__(self, login: HdfsLogin) -> None:
        self._login = login
        self._names = [self._name_node(url, tries=2) for url in login.urls]
        self._proofs = [
            Proof(urlsplit(url).hostname or "", login.headers, kerberos=login.kerberos, principal=login.principal)
            for url in login.urls
        ]
        self._active = 0
        self._data: dict[str, HttpClient] = {}
        self._lock = threading.Lock()
        self.stopped = False
        """It has been interrupted: nothing can be asked any more."""

    def call(
        self,
        method: str,
        operation: str,
        path: str,
        parameters: Mapping[str, str] = _NOTHING,
        *,
        about: str = "",
        once: bool = False,
    ) -> dict[str, Any]:
        """One operation of the name node, and its JSON.

        :param about: the path that an error names, where it is not ``path``.
        :param once: it is sent again only if it is certain that it has not been carried out.
        :raises StoreError: or one of its kinds, after at most three tries.
        """
        found = self._ask(method, operation, path, about or path, parameters, once=once)
        if found.answer.status in _FOUND:
            client, target, headers = self._follow(found.answer, about or path)
            answer = client.request(method, target, headers)
        else:
            answer = found.answer
        if answer.status >= 400:
            raise refusal(answer, about or path)[1]
        return _document(answer, about or path)

    def open(self, path: str, **parameters: str) -> Stream:
        """The bytes of a file.

        :raises StoreError: if there are none, or no data node gives them.
        """

        def locate(more: Mapping[str, str]) -> Answer | Stream:
            stream = self._ask("GET", "OPEN", path, path, {**parameters, **more}).stream
            assert stream is not None
            return stream.answer if stream.answer.status in _FOUND else stream

        def use(client: HttpClient, target: str, headers: Headers) -> Stream:
            stream = client.stream("GET", target, headers)
            if stream.answer.status >= 300:
                raise refusal(stream.answer, path)[1]
            return stream

        return self._at_data_node(locate, use, path)

    def write(self, path: str, data: memoryview, about: str, pace: Pace = no_pace) -> None:
        """Makes a file, over what may be there."""

        def use(client: HttpClient, target: str, headers: Headers) -> None:
            written(client.request("PUT", target, headers, data, pace=pace, repeatable=False), about)

        self._at_data_node(partial(self._create, path, about), use, about)

    def send(self, path: str, size: int, about: str) -> Sending:
        """Begins a file, over what may be there."""

        def use(client: HttpClient, target: str, headers: Headers) -> Sending:
            return Sending(client, target, headers, size)

        return self._at_data_node(partial(self._create, path, about), use, about)

    def interrupt(self) -> None:
        """Breaks off every request."""
        self.stopped = True
        for client in (*self._names, *list(self._data.values())):
            client.interrupt()

    def close(self) -> None:
        """Gives back the connections."""
        for client in (*self._names, *list(self._data.values())):
            client.close()

    def _create(self, path: str, about: str, more: Mapping[str, str]) -> Answer:
        """The redirect to where the bytes of a new file should go."""
        return self._ask("PUT", "CREATE", path, about, {"overwrite": "true", **more}).answer

    def _at_data_node(
        self,
        locate: Callable[[Mapping[str, str]], Answer | _T],
        use: Callable[[HttpClient, str, Headers], _T],
        about: str,
    ) -> _T:
        """Does something at a data node; if it is away, at another, up to three of them.

        :param locate: asks the name node for one, with these parameters; or has what is wanted at once.
        """
        excluded: list[str] = []
        failed: StoreUnavailable | None = None
        while True:
            try:
                found = locate({"excludedatanodes": ",".join(excluded)} if excluded else {})
            except StoreError:
                if failed is not None:  # there is no other
                    raise failed from None
                raise
            if not isinstance(found, Answer):
                return found
            client, target, headers = self._follow(found, about)
            try:
                return use(client, target, headers)
            except StoreUnavailable as error:
                failed = _about(error, about)
                host = urlsplit(client.url).hostname or ""
                if self.stopped or client in self._names or host in excluded or len(excluded) + 1 == _TRIES:
                    raise failed from None
                excluded.append(host)

    def _follow(self, answer: Answer, about: str) -> tuple[HttpClient, str, Headers]:
        """The server that a redirect names; who asks is told to name nodes alone, and what stands in their place."""
        location = answer.headers.get("location", "")
        parts = urlsplit(location)
        target = f"{parts.path}?{parts.query}"
        if not parts.hostname:
            raise StoreError("WebHDFS redirects to nowhere", path=about)
        base = f"{parts.scheme}://{parts.netloc}"
        for index, url in enumerate(self._login.urls):
            if base == url:
                return self._names[index], target, {**self._proofs[index].headers(), **_CONTENT}
        with self._lock:
            client = self._data.get(base)
            if client is None:
                client = HttpClient(base, "the data node", self._login.tls, tries=1, answer_seconds=DATA_SECONDS)
                self._data[base] = client
                if self.stopped:
                    client.interrupt()
        return client, target, _CONTENT

    def _ask(
        self, method: str, operation: str, path: str, about: str, parameters: Mapping[str, str], *, once: bool = False
    ) -> _Found:
        where = self._target(operation, path, about, parameters)
        failure: StoreError = StoreUnavailable("no name node answers", path=about)
        for attempt in range(_TRIES):
            for _ in self._names:
                active, started = self._active, time.monotonic()
                try:
                    found = self._exchange(active, method, operation, where, once)
                except StoreUnavailable as error:
                    failure = _about(error, about)
                    late = time.monotonic() - started >= ANSWER_SECONDS * 0.9
                    if once or late or self.stopped:
                        # It may yet be carried out: who asked must decide whether to ask again.
                        raise failure from None
                else:
                    if found.answer.status < 400:
                        return found
                    kind, failure = refusal(found.answer, about)
                    if kind not in ELSEWHERE and (once or not isinstance(failure, StoreUnavailable)):
                        raise failure
                with self._lock:
                    if self._active == active:
                        self._active = (active + 1) % len(self._names)
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE * 2**attempt)
        raise failure

    def _exchange(self, index: int, method: str, operation: str, where: str, once: bool) -> _Found:
        client, proof = self._names[index], self._proofs[index]
        if operation == "OPEN":
            stream = proof.ask(lambda headers: client.stream(method, where, headers), lambda found: found.answer)
            return _Found(stream.answer, stream)
        if once:
            # A connection that was used before may break at any time, and then it would be sent again.
            client = self._name_node(client.url, tries=1)
        try:
            return _Found(
                proof.ask(lambda headers: client.request(method, where, headers, repeatable=False), lambda found: found)
            )
        finally:
            if once:
                client.close()

    def _target(self, operation: str, path: str, about: str, parameters: Mapping[str, str]) -> str:
        if f"{path}/".startswith(f"{_RESERVED}/"):
            raise NotSupported("a name that HDFS takes for another", path=about, remedy="Name the path itself")
        user = {"user.name": self._login.user} if self._login.user else {}
        try:
            query = urlencode({"op": operation, **user, **parameters}, quote_via=quote, safe="")
            return f"{self._login.prefix}/webhdfs/v1{quote(path)}?{query}"
        except UnicodeEncodeError:
            raise NotSupported("a name that HDFS cannot hold", path=repr(about)) from None

    def _name_node(self, url: str, *, tries: int) -> HttpClient:
        return HttpClient(url, "the name node", self._login.tls, tries=tries, answer_seconds=ANSWER_SECONDS)


class _Found:
    """What a name node says; of OPEN, with what may be the bytes."""

    __slots__ = ("answer", "stream")

    def __init__(self, answer: Answer, stream: Stream | None = None) -> None:
        self.answer, self.stream = answer, stream


def written(answer: Answer, about: str) -> None:
    """Takes what a data node says after the last byte of a new file.

    :raises StoreError: if it is not that all is well.
    """
    if answer.status not in (200, 201):
        raise refusal(answer, about)[1]


def _document(answer: Answer, about: str) -> dict[str, Any]:
    if not answer.body:
        return {}
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreError("WebHDFS sent an answer that cannot be read", path=about)
    return found


def _about(error: StoreUnavailable, path: str) -> StoreUnavailable:
    """The same error, with the path that it happened to."""
    if error.path:
        return error
    if isinstance(error, Throttled):
        return Throttled(error.message, path=path, remedy=error.remedy, retry_after=error.retry_after)
    return StoreUnavailable(error.message, path=path, remedy=error.remedy)
