"""A file's modification time in an object's metadata, under the key and in the form that rclone uses as well.

Google's gsutil keeps whole seconds under a key of its own, which is read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

KEY = "mtime"
GSUTIL_KEY = "goog-reserved-file-mtime"


def written(modified: float | None) -> dict[str, str]:
    """The metadata that keeps a time, in seconds since the epoch; none for ``None``."""
    if modified is None:
        return {}
    return {KEY: datetime.fromtimestamp(modified, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}


def read(metadata: Mapping[str, str] | None, otherwise: datetime | None) -> float | None:
    """The time that metadata keep, else the store's own."""
    for key, value in (metadata or {}).items():
        try:
            if key.lower() == KEY:
                return datetime.fromisoformat(value).timestamp()
            if key.lower() == GSUTIL_KEY:
                return float(value)
        except ValueError:
            continue
    return otherwise.timestamp() if otherwise is not None else None
