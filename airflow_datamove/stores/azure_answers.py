"""What Azure Blob Storage answers, in our words: its errors, its dates, its ETags."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    Throttled,
    VerificationFailed,
)
from airflow_datamove.stores.http_client import Answer

NAME = "Azure Blob Storage"
_LOOK = "Look at the connection's credential"
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def quoted(etag: str) -> str:
    """Listings give an ETag without its quotation marks, other answers with them."""
    return etag if etag.startswith('"') else f'"{etag}"'


@lru_cache(2**12)
def when(text: str) -> datetime | None:
    """A date of RFC 9110, as the service writes them: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    try:
        _, day, month, year, clock, _ = text.split(" ")
        hour, minute, second = clock.split(":")
        return datetime(
            int(year), _MONTHS.index(month) // 3 + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return None


def code(answer: Answer) -> str:
    """The vendor's word for what went wrong ("Blob service error codes"); ``""`` where it says none."""
    return answer.headers.get("x-ms-error-code", "")


def failure(answer: Answer, path: str) -> DatamoveError:
    """The error for an answer of status 300 and above. Nothing of the request is quoted: it may hold a SAS."""
    status, word = answer.status, code(answer)
    if word in ("ContainerNotFound", "ContainerBeingDisabled"):
        return NotFound("there is no such container", path=path)
    if word == "ContainerBeingDeleted":
        return StoreUnavailable("the container is being deleted", path=path)
    if word in ("InvalidBlockList", "BlobNotFound") and status == 400:
        return StoreUnavailable("a part is missing: another writer has published this blob meanwhile", path=path)
    if word == "InvalidBlobOrBlock" and status == 400:
        return StoreError(
            "another program has begun to upload this blob",
            path=path,
            remedy="Azure drops what it left a week after its last block; let it finish, or delete the blob",
        )
    if word in ("Md5Mismatch", "Crc64Mismatch"):
        return VerificationFailed(f"{path}: what arrived has another checksum")
    if word == "CannotVerifyCopySource":
        return _unreadable(status, path)
    if word == "DirectoryIsNotEmpty":
        return StoreError("the directory is not empty", path=path)
    if word in ("InvalidResourceName", "InvalidUri", "OutOfRangeInput"):
        return NotSupported(f"a name that {NAME} cannot hold", path=path)
    if word.startswith("Lease") and status in (409, 412):
        return PermissionDenied("somebody holds a lease on it", path=path, remedy="Break the lease, or wait")
    if status == 404:
        return NotFound("there is nothing here", path=path)
    if status in (304, 412):
        return SourceChanged(f"{path} changed")
    if status in (401, 403) or word == "InvalidAuthenticationInfo":
        return PermissionDenied(f"{NAME} does not allow it ({word or status})", path=path, remedy=_LOOK)
    if status == 409 and word in ("BlobArchived", "BlobBeingRehydrated"):
        return StoreError(
            "it is archived, and cannot be read", path=path, remedy="Rehydrate it to a tier that is online"
        )
    if status == 409 and word.startswith("BlobImmutable"):
        return PermissionDenied("a policy keeps it from being changed", path=path)
    if status == 409 and (not word or "AlreadyExists" in word or word == "ResourceTypeMismatch"):
        return AlreadyExists("something else stands here", path=path)
    if status in (429, 503):
        return Throttled(f"{NAME} asks for fewer requests ({status})", path=path)
    if status == 408 or (status >= 500 and status != 501):
        return StoreUnavailable(f"{NAME} answered {status} {word}".rstrip(), path=path)
    return StoreError(f"{NAME} answered {status} {word}".rstrip(), path=path)


def _unreadable(status: int, path: str) -> DatamoveError:
    """The service could not read the source of a copy that it should make by itself."""
    if status == 404:
        return NotFound("there is nothing to copy here", path=path)
    if status in (304, 412):
        return SourceChanged(f"{path} changed")
    if status in (401, 403):
        return PermissionDenied("the destination's account may not read it", path=path, remedy=_LOOK)
    return StoreUnavailable(f"{NAME} could not read the source of a copy ({status})", path=path)
