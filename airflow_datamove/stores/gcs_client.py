"""One bucket of Cloud Storage by the vendor's JSON API: who asks, and errors in our words."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Container, Mapping
from typing import Any
from urllib.parse import quote

from awscrt.checksums import crc32c

from airflow_datamove.errors import StoreError, VerificationFailed
from airflow_datamove.stores.contract import Entry, Pace, no_pace
from airflow_datamove.stores.gcs_answers import FIELDS, NAME, entry_of, failure
from airflow_datamove.stores.google_login import GoogleLogin
from airflow_datamove.stores.http_client import Answer, HttpClient, Stream
from airflow_datamove.stores.http_connection import Headers

_NOTHING: Mapping[str, str] = {}
_JSON: Mapping[str, str] = {"content-type": "application/json; charset=utf-8"}


class BucketClient:
    """Safe to use from several threads."""

    def __init__(self, login: GoogleLogin, bucket: str) -> None:
        self.login, self.bucket = login, bucket
        self._http = HttpClient(login.endpoint, NAME)
        self.root = f"/storage/v1/b/{quote(bucket, safe='')}"
        """The path of the bucket's URL."""

    def object(self, key: str) -> str:
        """The path of an object's URL."""
        return f"{self.root}/o/{quote(key, safe='')}"

    def call(
        self,
        method: str,
        where: str,
        told: str,
        *,
        query: Mapping[str, str] = _NOTHING,
        headers: Headers = _NOTHING,
        body: bytes | memoryview = b"",
        pace: Pace = no_pace,
        accept: Container[int] = (),
    ) -> Answer:
        """Sends a request; doing it twice must be as good as once.

        :param where: the path of the URL.
        :param told: what an error calls it.
        :param accept: statuses besides those of success that are no error.
        """
        target = _target(where, query)
        make, sent = self._signed(headers)
        answer = self._http.request(method, target, make, body, pace=pace)
        if answer.status == 401 and self.login.bearer.refused(sent):
            pace(-len(body))
            answer = self._http.request(method, target, make, body, pace=pace)
        if answer.status >= 300 and answer.status not in accept:
            raise failure(answer, told)
        return answer

    def ask(
        self,
        method: str,
        where: str,
        told: str,
        *,
        query: Mapping[str, str] = _NOTHING,
        document: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sends a request, perhaps with a JSON document, and gives the answer's."""
        body = b"" if document is None else json.dumps(document).encode()
        answer = self.call(method, where, told, query=query, headers=_JSON if body else _NOTHING, body=body)
        return read(answer)

    def stream(self, where: str, query: Mapping[str, str], headers: Headers) -> Stream:
        """Gets an object's content as it is stored; every status is the caller's to judge."""
        target = _target(where, {"alt": "media", **query})
        # Who takes gzip gets what is kept as gzip as it is, and not unpacked on the way, where no range could be.
        make, sent = self._signed({**headers, "accept-encoding": "gzip"})
        stream = self._http.stream("GET", target, make)
        if stream.answer.status == 401 and self.login.bearer.refused(sent):
            stream = self._http.stream("GET", target, make)
        return stream

    def insert(
        self, key: str, path: str, data: bytes | memoryview, resource: Mapping[str, Any], pace: Pace = no_pace
    ) -> Entry:
        """Writes a whole object in one request; the service refuses what arrives with another crc32c."""
        crc = crc32c(data)
        told = {**resource, "name": key, "crc32c": base64.b64encode(crc.to_bytes(4, "big")).decode("ascii")}
        boundary = uuid.uuid4().hex
        body = b"".join(
            (
                f"--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n".encode(),
                json.dumps(told).encode(),
                f"\r\n--{boundary}\r\ncontent-type: {told['contentType']}\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        answer = self.call(
            "POST",
            f"/upload{self.root}/o",
            path,
            query={"uploadType": "multipart", "fields": FIELDS},
            headers={"content-type": f"multipart/related; boundary={boundary}"},
            body=body,
            pace=pace,
        )
        return self.verified(entry_of(path, read(answer)), key, len(data), f"{crc:08x}")

    def insert_plain(
        self, key: str, path: str, data: memoryview, crc: str, pace: Pace = no_pace, query: Mapping[str, str] = _NOTHING
    ) -> Entry:
        """Writes an object without any metadata, straight from the caller's memory.

        :param crc: its crc32c, 8 hex digits.
        """
        written = base64.b64encode(bytes.fromhex(crc)).decode("ascii")
        answer = self.call(
            "POST",
            f"/upload{self.root}/o",
            path,
            query={"uploadType": "media", "name": key, "fields": FIELDS, **query},
            headers={"content-type": "application/octet-stream", "x-goog-hash": f"crc32c={written}"},
            body=data,
            pace=pace,
        )
        return self.verified(entry_of(path, read(answer)), key, len(data), crc)

    def verified(self, made: Entry, key: str, size: int, crc: str) -> Entry:
        """What has been made, if the service says that it is what was sent; else it is deleted."""
        if made.size == size and made.checksums.get("crc32c") == crc:
            return made
        self.delete(key, made.path, generation=made.version or "")
        raise VerificationFailed(f"{made.path}: what arrived has another length or crc32c")

    def delete(self, key: str, path: str, *, generation: str = "") -> bool:
        """Deletes an object; False if there is none.

        :param generation: this one alone.
        """
        query = {"ifGenerationMatch": generation} if generation else _NOTHING
        return self.call("DELETE", self.object(key), path, query=query, accept=(404, 412)).status not in (404, 412)

    def interrupt(self) -> None:
        """Breaks off every request."""
        self._http.interrupt()

    def close(self) -> None:
        """Gives back the connections."""
        self._http.close()

    def _signed(self, headers: Headers) -> tuple[Callable[[], Headers], dict[str, str]]:
        """The headers of a request, anew at each try, and what was sent last of them."""
        sent: dict[str, str] = {}

        def make() -> Headers:
            sent.update(self.login.bearer.headers())
            return {**headers, **sent}

        return make, sent


def read(answer: Answer) -> dict[str, Any]:
    """The JSON document of an answer.

    :raises StoreError: if it is none.
    """
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreError(f"{NAME} sent an answer that cannot be read")
    return found


def _target(where: str, query: Mapping[str, str]) -> str:
    if not query:
        return where
    pairs = (f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"{where}?{'&'.join(pairs)}"
