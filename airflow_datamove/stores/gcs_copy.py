"""Copies that Cloud Storage makes by itself: "Objects: rewrite" of the vendor's JSON API reference."""

from __future__ import annotations

from typing import Any

from airflow_datamove.errors import NotFound, SourceChanged, VerificationFailed
from airflow_datamove.stores import gcs_metadata as meta
from airflow_datamove.stores import modified as times
from airflow_datamove.stores.contract import Attributes, Entry, Put
from airflow_datamove.stores.gcs_answers import FIELDS, entry_of
from airflow_datamove.stores.gcs_client import BucketClient

_KEPT = "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl,metadata"


def rewrite(source: BucketClient, entry: Entry, client: BucketClient, path: str, attributes: Attributes) -> Put:
    """Copies an object of the entry's version; what the attributes do not say stays as the source has it.

    :raises SourceChanged: if the source is no longer of the entry's version.
    """
    key, from_key = path[1:], entry.path[1:]
    document = _resource(source, entry, attributes)
    query = {"fields": f"done,rewriteToken,resource({FIELDS})"}
    if entry.version:
        query |= {"ifSourceGenerationMatch": entry.version, "sourceGeneration": entry.version}
    where = f"{source.object(from_key)}/rewriteTo{client.object(key).removeprefix('/storage/v1')}"
    while True:
        try:
            # The document must be the same at each call of one copy.
            found = client.ask("POST", where, entry.path, query=query, document=document)
        except NotFound:
            if not entry.version:
                raise
            raise SourceChanged(f"{entry.path} is gone, or has been replaced") from None
        if found.get("done", True):
            break
        query["rewriteToken"] = found["rewriteToken"]
    made = entry_of(path, found["resource"])
    crc = entry.checksums.get("crc32c")
    if made.size != entry.size or (crc and made.checksums.get("crc32c") != crc):
        client.delete(key, path, generation=made.version or "")
        raise VerificationFailed(f"{path}: the copy is not like {entry.path}")
    return Put(made, "crc32c" if crc else "length")


def _resource(source: BucketClient, entry: Entry, attributes: Attributes) -> dict[str, Any] | None:
    """The metadata of the copy; ``None`` leaves all of it to the service, which takes the source's."""
    if attributes.modified is None and not attributes.content_type and not attributes.metadata:
        return None
    query = {"fields": _KEPT}
    if entry.version:
        query["generation"] = entry.version
    try:
        found = source.ask("GET", source.object(entry.path[1:]), entry.path, query=query)
    except NotFound:
        if not entry.version:
            raise
        raise SourceChanged(f"{entry.path} is gone, or has been replaced") from None
    theirs = found.pop("metadata", None)
    wanted = Attributes(
        attributes.modified if attributes.modified is not None else times.read(theirs, None),
        attributes.content_type or found.get("contentType"),
        attributes.metadata or meta.shown(theirs),
    )
    return {**found, **meta.resource(wanted, {})}
