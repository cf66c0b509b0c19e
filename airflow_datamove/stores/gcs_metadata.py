"""What an object says of itself besides its content, and what of it is ours or the user's.

Cloud Storage keeps metadata as names and values of any text, 8 KiB of all of them together ("Custom metadata" of the
vendor's "Object metadata"). What does not fit is dropped, the same ones each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Attributes

UPLOAD = "datamove_upload"
"""The identity of the upload that made the object."""
OCTETS = "application/octet-stream"
_HIDDEN = frozenset({times.KEY, times.GSUTIL_KEY, UPLOAD})
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_TYPE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
# The rest of the 8 KiB is for what this package adds.
_MOST = 7 * 2**10


def shown(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The user's part of an object's metadata."""
    if not metadata:
        return {}
    return {name: value for name, value in metadata.items() if name.lower() not in _HIDDEN}


def content_type(attributes: Attributes) -> str:
    """The type to keep: that of the attributes if it can be written."""
    wanted = attributes.content_type or ""
    return wanted if _TYPE.fullmatch(wanted) else OCTETS


def resource(attributes: Attributes, own: Mapping[str, str]) -> dict[str, Any]:
    """The part of an object's resource that keeps the attributes.

    :param own: what this package adds.
    """
    metadata: dict[str, str] = {}
    size = 0
    for name in sorted(attributes.metadata):
        value = attributes.metadata[name]
        if not name or name.lower() in _HIDDEN or _UNWRITABLE.search(name) or _UNWRITABLE.search(value):
            continue
        size += len(name.encode()) + len(value.encode())
        if size > _MOST:
            break
        metadata[name] = value
    metadata |= {**times.written(attributes.modified), **own}
    found: dict[str, Any] = {"contentType": content_type(attributes)}
    if metadata:
        found["metadata"] = metadata
    return found
