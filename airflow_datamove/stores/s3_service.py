"""Signed requests to one bucket: :class:`S3Service`."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.aws_login import AwsLogin
from airflow_datamove.stores.contract import Pace, no_pace
from airflow_datamove.stores.http_client import Answer, HttpClient, Stream
from airflow_datamove.stores.sigv4 import EMPTY, UNSIGNED, Signer, quoted_path, quoted_query

_NONE: Mapping[str, str] = {}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; no certificate would match a dot.
_HOST_LIKE = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_BUCKET = re.compile(r"[A-Za-z0-9._:-]{1,255}")
_NAMES = "S3's have 3 to 63 lower-case letters, digits, hyphens and dots"
_REGION = re.compile(r"[a-z0-9-]{1,50}")
_DEFAULT_REGION = "us-east-1"


class _Place(NamedTuple):
    """Where the bucket is; replaced as a whole when the service says that it is elsewhere."""

    region: str
    client: HttpClient
    signer: Signer
    path: str
    """What stands before each key."""


class S3Service:
    """Requests about one bucket and its keys, signed where there are credentials. Safe to use from several threads.

    A bucket of Amazon's is found in whatever region it is; that of the login is where the search begins.

    :raises WrongUse: if the endpoint cannot be read.
    """

    def __init__(self, login: AwsLogin, bucket: str) -> None:
        if not _BUCKET.fullmatch(bucket) or bucket in (".", ".."):
            raise WrongUse(f"{bucket!r} cannot be the name of a bucket", remedy=_NAMES)
        self.login, self.bucket = login, bucket
        self._lock = threading.Lock()
        self._clients: list[HttpClient] = []
        self._place = self._at(login.region or _DEFAULT_REGION)

    @property
    def region(self) -> str:
        """Where the bucket is, as far as it is known."""
        return self._place.region

    @property
    def site(self) -> str:
        """What two buckets must share to be copied between by the service itself."""
        return self.login.endpoint.rstrip("/") or _domain(self.region)

    def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] = _NONE,
        headers: Mapping[str, str] = _NONE,
        body: bytes | memoryview = b"",
        *,
        pace: Pace = no_pace,
    ) -> Answer:
        """A request about a key, or about the bucket where it is ``""``; the answer, whatever its status."""
        place = self._place
        answer = self._send(place, method, key, query, headers, body, pace)
        if self._moved(place, answer):
            answer = self._send(self._place, method, key, query, headers, body, pace)
        return answer

    def stream(self, key: str, headers: Mapping[str, str]) -> Stream:
        """A key's content; see :meth:`HttpClient.stream`."""
        place = self._place
        stream = self._get(place, key, headers)
        if self._moved(place, stream.answer):
            stream.close()
            stream = self._get(self._place, key, headers)
        return stream

    def interrupt(self) -> None:
        """See :meth:`HttpClient.interrupt`."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.interrupt()

    def close(self) -> None:
        """See :meth:`HttpClient.close`."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()

    def _send(
        self,
        place: _Place,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | memoryview,
        pace: Pace,
    ) -> Answer:
        path, parameters = f"{place.path}/{quoted_path(key)}", quoted_query(query)
        payload = EMPTY
        if len(body):
            # Without TLS the signature must cover the body, or others could change it on the way.
            payload = UNSIGNED if place.client.url.startswith("https:") else hashlib.sha256(body).hexdigest()
        return place.client.request(
            method,
            f"{path}?{parameters}" if parameters else path,
            lambda: self._signed(place, method, path, parameters, headers, payload),
            body,
            pace=pace,
        )

    def _get(self, place: _Place, key: str, headers: Mapping[str, str]) -> Stream:
        path = f"{place.path}/{quoted_path(key)}"
        return place.client.stream("GET", path, lambda: self._signed(place, "GET", path, "", headers, EMPTY))

    def _signed(
        self, place: _Place, method: str, path: str, query: str, headers: Mapping[str, str], payload: str
    ) -> Mapping[str, str]:
        if self.login.credentials is None:
            return headers
        credentials = self.login.credentials()
        return place.signer.signed(credentials, method, place.client.host, path, query, headers, payload)

    def _moved(self, place: _Place, answer: Answer) -> bool:
        """True if the service says that the bucket is in another region, where it is asked from now on.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
        """
        region = answer.headers.get("x-amz-bucket-region", "")
        if answer.status not in (301, 307, 400, 403) or self.login.endpoint or not _REGION.fullmatch(region):
            return False
        if region == place.region:
            return False
        with self._lock:
            if self._place.region != region:
                self._place = self._at(region)
        return True

    def _at(self, region: str) -> _Place:
        if not _REGION.fullmatch(region):
            raise WrongUse(f"connection {self.login.connection_id!r}: {region!r} is no region")
        endpoint, path = self.login.endpoint.rstrip("/"), f"/{self.bucket}"
        if endpoint:
            path = quoted_path(urlsplit(endpoint).path) + path
        else:
            host = f"s3.{region}.{_domain(region)}"
            if _HOST_LIKE.fullmatch(self.bucket):
                host, path = f"{self.bucket}.{host}", ""
            endpoint = f"https://{host}"
        client = HttpClient(endpoint, "S3", tls=self.login.tls)
        self._clients.append(client)
        return _Place(region, client, Signer(region), path)


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
