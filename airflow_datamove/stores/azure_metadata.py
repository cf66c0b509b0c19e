"""What a blob says of itself besides its content, and what of it is ours, Hadoop's, or the user's.

Azure takes metadata as headers ``x-ms-meta-<name>``: a name is a C# identifier whose case does not count, a value is
printable ASCII without spaces around it, and all of them together are at most 8 KiB ("Setting and retrieving properties
and metadata for Blob resources"). What does not fit is dropped, the same ones each time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final

from airflow_datamove.stores import modified as times
from airflow_datamove.stores.azure_answers import quoted, when
from airflow_datamove.stores.contract import Attributes, Entry, Kind
from airflow_datamove.stores.http_connection import Headers

FOLDER = "hdi_isfolder"
"""Hadoop's mark on a blob that is a directory, and the service's own in a hierarchical account."""
CRC32C = "datamove_crc32c"
"""``<8 hex digits>-<size>`` of a content that came in parts, for which Azure itself keeps no checksum."""
UPLOAD = "datamove_upload"
"""The identity of the upload that made the blob."""
OCTETS = "application/octet-stream"
_HIDDEN = frozenset(
    {times.KEY, CRC32C, UPLOAD, FOLDER, "hdi_permission", "hdi_tmpupload", "asv_isfolder", "asv_permission"}
)
_META: Final = "x-ms-meta-"
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_CRC = re.compile(r"([0-9a-f]{8})-([0-9]+)")
# The rest of the 8 KiB is for what this package adds.
_MOST = 7 * 2**10


def kept(metadata: Mapping[str, str]) -> dict[str, str]:
    """What Azure can keep of a user's metadata, with names in lower case: see the top of this module. Of names that
    differ only in case, the first in code point order stays; where it is too much, what comes later in that order goes.
    """
    found: dict[str, str] = {}
    size = 0
    for name in sorted(metadata):
        lower, value = name.lower(), metadata[name]
        if lower in found or lower in _HIDDEN or not _NAME.fullmatch(lower) or not _VALUE.fullmatch(value):
            continue
        size += len(lower) + len(value)
        if size > _MOST:
            break
        found[lower] = value
    return found


def content_type(attributes: Attributes) -> str:
    """The type to keep: that of the attributes if Azure can hold it."""
    wanted = attributes.content_type or ""
    return wanted if _VALUE.fullmatch(wanted) else OCTETS


def metadata_headers(attributes: Attributes, own: Mapping[str, str]) -> dict[str, str]:
    """The headers that keep the user's metadata, the time, and what this package adds."""
    found = {**kept(attributes.metadata), **times.written(attributes.modified), **own}
    return {_META + name: value for name, value in found.items()}


def metadata_of(headers: Headers) -> dict[str, str]:
    """All metadata in an answer's headers, names in lower case."""
    return {name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)}


def is_folder(metadata: Mapping[str, str], resource_type: str | None) -> bool:
    """True for a directory that is a blob: Hadoop's marker, or a directory of a hierarchical account."""
    return resource_type == "directory" or metadata.get(FOLDER, "").lower() == "true"


def entry_of_headers(path: str, headers: Headers) -> Entry:
    """What Get Blob Properties says of a blob."""
    return entry(
        path,
        int(headers.get("content-length", 0)),
        metadata_of(headers),
        etag=headers.get("etag"),
        changed=headers.get("last-modified"),
        md5=headers.get("content-md5"),
        kind=headers.get("content-type"),
        resource=headers.get("x-ms-resource-type"),
    )


def entry_of_sent(path: str, size: int, sent: Headers, answered: Headers) -> Entry:
    """What Get Blob Properties will say of a blob that a request with these headers has just made."""
    return entry(
        path,
        size,
        metadata_of(sent),
        etag=answered.get("etag"),
        changed=answered.get("last-modified"),
        md5=sent.get("x-ms-blob-content-md5"),
        kind=sent.get("x-ms-blob-content-type"),
    )


def entry(
    path: str,
    size: int,
    metadata: Mapping[str, str],
    *,
    etag: str | None,
    changed: str | None,
    md5: str | None,
    kind: str | None,
    resource: str | None = None,
) -> Entry:
    """A blob as an entry.

    :param metadata: all of it, names in lower case.
    :param md5: base64, of the whole content.
    :param kind: the media type.
    :param resource: ``directory`` for one of a hierarchical account.
    """
    modified = times.read(metadata, when(changed) if changed else None)
    if is_folder(metadata, resource):
        return Entry(path, Kind.DIRECTORY, modified=modified)
    checksums: dict[str, str] = {}
    if md5:
        checksums["md5"] = base64.b64decode(md5).hex()
    # A blob that somebody has replaced keeping its metadata, or appended to, is another content.
    if (known := _CRC.fullmatch(metadata.get(CRC32C, ""))) and int(known[2]) == size:
        checksums["crc32c"] = known[1]
    shown = {name: value for name, value in metadata.items() if name not in _HIDDEN} if metadata else {}
    return Entry(path, Kind.FILE, size, modified, checksums, quoted(etag) if etag else None, kind, shown)
