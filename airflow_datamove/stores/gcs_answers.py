"""What Cloud Storage answers, in our words: objects, errors, and how long it is asked."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_datamove.errors import (
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
)
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Entry, Kind

TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and seconds of silence while reading."""


def entry_of(path: str, blob: Any) -> Entry:
    """What the bucket says of an object."""
    encoded = {"crc32c": blob.crc32c, "md5": blob.md5_hash}
    checksums = {name: base64.b64decode(value).hex() for name, value in encoded.items() if value}
    version = str(blob.generation) if blob.generation is not None else None
    return Entry(path, Kind.FILE, blob.size or 0, times.read(blob.metadata, blob.updated), checksums, version)


def retry() -> Any:
    """Few tries in bounded time."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.2, maximum=2.0).with_timeout(8.0)


@contextmanager
def errors(path: str) -> Iterator[None]:
    """Turns the SDK's errors into ours. Their texts are left out: they quote URLs."""
    import requests
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth
    from google.cloud.storage.exceptions import DataCorruption

    remedy = "Look at the connection's credential"
    try:
        yield
    except DatamoveError:
        raise
    except google.NotFound as error:
        what = (
            "there is no such bucket"
            if path == "/" or "bucket does not exist" in str(error)
            else "there is nothing here"
        )
        raise NotFound(what, path=path) from None
    except google.PreconditionFailed:
        raise SourceChanged(f"{path} changed") from None
    except (google.Forbidden, google.Unauthorized) as error:
        raise PermissionDenied(f"Cloud Storage answered {error.code}", path=path, remedy=remedy) from None
    except (DataCorruption, google.BadRequest) as error:
        if isinstance(error, google.BadRequest) and "hash" not in str(error).lower():
            raise StoreError("Cloud Storage refuses the request", path=path) from None
        raise VerificationFailed(f"{path}: what arrived has another crc32c") from None
    except (google.ServerError, google.TooManyRequests, google.RetryError, auth.TransportError) as error:
        raise StoreUnavailable(f"Cloud Storage is away ({type(error).__name__})", path=path) from None
    except requests.RequestException as error:
        raise StoreUnavailable(f"Cloud Storage cannot be reached ({type(error).__name__})", path=path) from None
    except auth.GoogleAuthError:
        raise PermissionDenied("Google does not accept the credential", path=path, remedy=remedy) from None
    except google.GoogleAPICallError as error:
        raise StoreError(f"Cloud Storage answered {error.code}", path=path) from None
    except UnicodeEncodeError:
        raise NotSupported("a name that Cloud Storage cannot hold", path=repr(path)) from None
