"""What a web server says of a file, in our words."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from datetime import UTC
from email.utils import parsedate_to_datetime

from airflow_datamove.errors import (
    DatamoveError,
    NotFound,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    Throttled,
)
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.http_connection import Headers

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_STRONG = re.compile(r'"[^"]*"')
_HASH = re.compile(r"\b(md5|crc32c)=:?([A-Za-z0-9+/]+={0,2}):?")
_LENGTHS = {"md5": 16, "crc32c": 4}


def range_of(headers: Headers) -> tuple[int, int] | None:
    """Where the bytes of an answer begin, and how many there are in all (RFC 9110, 14.4)."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    return (int(found[1]), int(found[3])) if found else None


def size_of(answer: Answer) -> int | None:
    """Bytes of the whole file; ``None`` where the server does not say."""
    if answer.status == 206:
        found = range_of(answer.headers)
        return found[1] if found else None
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def version_of(answer: Answer) -> str | None:
    """A strong ETag, which changes with any byte (RFC 9110, 8.8.3); else when it was modified and its length."""
    etag = answer.headers.get("etag", "")
    if _STRONG.fullmatch(etag):
        return etag
    modified, size = answer.headers.get("last-modified"), size_of(answer)
    return f"{modified}; {size}" if modified and size is not None else None


def is_etag(version: str) -> bool:
    """True if a version may be asked for with ``if-match``."""
    return _STRONG.fullmatch(version) is not None


def entry_of(path: str, answer: Answer, size: int) -> Entry:
    """What a server says of a file."""
    headers = answer.headers
    try:
        moment = parsedate_to_datetime(headers["last-modified"])
        modified = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (KeyError, ValueError):
        modified = None
    return Entry(
        path, Kind.FILE, size, modified, _checksums(answer), version_of(answer), headers.get("content-type"), {}
    )


def error_of(answer: Answer, path: str, name: str) -> DatamoveError:
    """The error for an answer that is none of success."""
    status = answer.status
    if status in (404, 410):
        return NotFound("there is nothing here", path=path)
    if status in (401, 403, 407):
        return PermissionDenied(f"{name} answered {status}", path=path, remedy="Look at the connection's credential")
    if status == 412:
        return SourceChanged(f"{path} changed")
    if status in (429, 503):
        return Throttled(f"{name} asks for fewer requests ({status})", path=path)
    if status >= 500 or status == 408:
        return StoreUnavailable(f"{name} answered {status}", path=path)
    return StoreError(f"{name} answered {status}", path=path)


def _checksums(answer: Answer) -> dict[str, str]:
    """Those of the whole file, as it comes: none of a range's answer, none of what Cloud Storage unpacks on the way.

    RFC 1864 (Content-MD5), RFC 3230 (Digest), RFC 9530 (Repr-Digest),
    https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
    """
    headers = answer.headers
    told = [f"md5={headers['content-md5']}"] if "content-md5" in headers else []
    told += [headers.get("digest", "").replace("MD5=", "md5="), headers.get("repr-digest", "")]
    if headers.get("x-goog-stored-content-encoding", "identity") == headers.get("content-encoding", "identity"):
        told.append(headers.get("x-goog-hash", ""))
    found = {}
    for name, value in _HASH.findall(",".join(told)) if answer.status == 200 else ():
        try:
            digest = b64decode(value, validate=True)
        except (Error, ValueError):
            continue
        if len(digest) == _LENGTHS[name]:
            found[name] = digest.hex()
    return found
