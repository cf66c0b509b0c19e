"""What Azure Blob Storage answers, in our words: its errors, and its ETags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
)


def quoted(etag: str) -> str:
    """Listings give an ETag without its quotation marks, other answers with them."""
    return etag if etag.startswith('"') else f'"{etag}"'


@contextmanager
def errors(path: str) -> Iterator[None]:
    """Turns the SDK's errors into ours. Their texts are left out: they quote URLs, and a URL may hold a SAS."""
    from azure.core import exceptions as azure

    try:
        yield
    except DatamoveError:
        raise
    except azure.HttpResponseError as error:
        code = getattr(error, "error_code", None)
        raise _translated(error.status_code or 0, str(getattr(code, "value", code) or ""), path) from None
    except azure.ClientAuthenticationError:
        raise PermissionDenied("no credential works", path=path, remedy="Look at the connection") from None
    except azure.AzureError:
        raise StoreUnavailable(
            "Azure Blob Storage cannot be reached", path=path, remedy="Look at the connection's account and host"
        ) from None
    except UnicodeEncodeError:
        raise NotSupported("a name that Azure Blob Storage cannot hold", path=repr(path)) from None


def _translated(status: int, code: str, path: str) -> DatamoveError:
    if code == "ContainerNotFound":
        return NotFound("there is no such container", path=path)
    if code in ("InvalidBlockList", "BlobNotFound", "InvalidBlobOrBlock") and status == 400:
        return StoreUnavailable("another writer has published this blob meanwhile", path=path)
    if code == "Md5Mismatch":
        return VerificationFailed(f"{path}: what arrived has another md5")
    if status == 404:
        return NotFound("there is nothing here", path=path)
    if status == 412:
        return SourceChanged(f"{path} changed")
    if status in (401, 403):
        return PermissionDenied(
            f"Azure Blob Storage does not allow it ({code})", path=path, remedy="Look at the connection's credential"
        )
    if status == 409:
        return AlreadyExists(f"Azure Blob Storage refuses it ({code})", path=path)
    if status in (408, 429) or status >= 500:
        return StoreUnavailable(f"Azure Blob Storage answered {status} {code}", path=path)
    return StoreError(f"Azure Blob Storage answered {status} {code}", path=path)
