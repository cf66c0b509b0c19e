"""Signature Version 4, with which Amazon's services and those that speak like them tell who asks.

As S3 wants it: the path is signed as it goes over the wire, not encoded once more.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
"""In place of the body's hash, where TLS already keeps others from changing it."""
EMPTY = hashlib.sha256(b"").hexdigest()
"""The hash of a request without a body."""
_PLAIN = "-._~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Of a session; empty where the keys are somebody's own."""


def quoted_path(path: str) -> str:
    """A path as it goes over the wire: everything but unreserved characters and slashes is percent-encoded."""
    return quote(path, safe="/" + _PLAIN)


def quoted_query(parameters: Mapping[str, str]) -> str:
    """A query as it is signed, which may go over the wire just so: sorted, and ``=`` even where there is no value."""
    pairs = sorted((quote(name, safe=_PLAIN), quote(value, safe=_PLAIN)) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


class Signer:
    """Signs requests to one service in one region. Safe to use from several threads.

    :param region: ``us-east-1``.
    """

    def __init__(self, region: str, service: str = "s3") -> None:
        self._region, self._service = region, service
        self._last: tuple[str, str, bytes] = ("", "", b"")

    def signed(
        self,
        credentials: Credentials,
        method: str,
        host: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload: str,
        now: float | None = None,
    ) -> dict[str, str]:
        """The headers to send: those that are given, and those that sign all of them.

        :param host: the header ``host``; it is signed, and not among what is given back.
        :param path: from :func:`quoted_path`.
        :param query: from :func:`quoted_query`.
        :param headers: names in lower case; values as they go over the wire, each byte a character (Latin-1).
        :param payload: the body's SHA-256 in lower-case hex, or :data:`UNSIGNED`.
        :param now: seconds since the epoch.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        sent = {**headers, "x-amz-content-sha256": payload, "x-amz-date": moment}
        if credentials.token:
            sent["x-amz-security-token"] = credentials.token
        pairs = sorted({**sent, "host": host}.items())
        names = ";".join(name for name, _ in pairs)
        lines = "".join(f"{name}:{_trimmed(value)}\n" for name, value in pairs)
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(credentials.secret_key, moment[:8]), text.encode(), "sha256").hex()
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return sent

    def _key(self, secret: str, day: str) -> bytes:
        """The day's key. The last one is kept: it takes four times the work of a signature."""
        last = self._last
        if last[0] == secret and last[1] == day:
            return last[2]
        key = f"AWS4{secret}".encode()
        for step in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        self._last = (secret, day, key)
        return key


def _trimmed(value: str) -> str:
    if value.isascii():
        return " ".join(value.split())
    # Among the bytes of UTF-8 are some that Latin-1 takes for spaces.
    return b" ".join(value.encode("latin-1").split()).decode("latin-1")
