"""What Cloud Storage's JSON API answers, in our words: objects and errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    Throttled,
    VerificationFailed,
)
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.gcs_metadata import shown
from airflow_datamove.stores.http_client import Answer

NAME = "Cloud Storage"
FIELDS = "name,size,updated,generation,crc32c,md5Hash,contentType,metadata"
"""What an entry is made of."""
_RATE = ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded")


def entry_of(path: str, resource: Mapping[str, Any]) -> Entry:
    """An object's resource ("Objects" of the vendor's JSON API reference) as an entry."""
    checksums: dict[str, str] = {}
    if crc := resource.get("crc32c"):
        checksums["crc32c"] = base64.b64decode(crc).hex()
    if md5 := resource.get("md5Hash"):
        checksums["md5"] = base64.b64decode(md5).hex()
    metadata, updated = resource.get("metadata"), resource.get("updated")
    modified = times.read(metadata, datetime.fromisoformat(updated) if updated else None)
    return Entry(
        path,
        Kind.FILE,
        int(resource.get("size") or 0),
        modified,
        checksums,
        str(resource["generation"]) if "generation" in resource else None,
        resource.get("contentType"),
        shown(metadata),
    )


def failure(answer: Answer, path: str) -> DatamoveError:
    """The error for an answer of status 300 and above."""
    status = answer.status
    message, reason = _words(answer)
    if status == 404:
        lacks_bucket = path == "/" or "bucket does not exist" in message
        return NotFound("there is no such bucket" if lacks_bucket else "there is nothing here", path=path)
    if status in (304, 412):
        return SourceChanged(f"{path} changed")
    if status in (429, 503) or (status == 403 and reason in _RATE):
        return Throttled(f"{NAME} asks for fewer requests ({status})", path=path)
    if status in (401, 403):
        remedy = "Look at the connection's credential"
        return PermissionDenied(f"{NAME} does not allow it ({reason or status})", path=path, remedy=remedy)
    if status == 400 and "match" in message.lower() and any(word in message.lower() for word in ("crc32c", "md5")):
        return VerificationFailed(f"{path}: what arrived has another checksum")
    if status == 409:
        return AlreadyExists(f"{NAME} refuses it ({reason or status})", path=path)
    if status == 408 or (status >= 500 and status != 501):
        return StoreUnavailable(f"{NAME} answered {status}", path=path)
    return StoreError(f"{NAME} answered {status} {reason}".rstrip(), path=path)


def _words(answer: Answer) -> tuple[str, str]:
    """The message and the reason of an error, as the vendor's "HTTP status and error codes for JSON" has them."""
    try:
        error = json.loads(answer.body)["error"]
        errors = error.get("errors") or [{}]
        return str(error.get("message", "")), str(errors[0].get("reason", ""))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return answer.body[:300].decode("utf-8", "replace"), ""
