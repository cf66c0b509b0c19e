"""Listings of a container: the pages of "List Blobs" of the vendor's REST reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from airflow_datamove.errors import StoreError
from airflow_datamove.stores.azure_client import ContainerClient
from airflow_datamove.stores.azure_metadata import entry
from airflow_datamove.stores.contract import Entry, Kind

PAGE = 5000
"""Blobs of one answer, at most."""


class Page(NamedTuple):
    """One answer."""

    entries: list[Entry]
    """Blobs, and prefixes as directories, each at ``/<key>``; a prefix without its last slash."""
    marker: str
    """What asks for the next one; empty at the end."""


def listing(client: ContainerClient, prefix: str, *, one_level: bool = False, most: int = PAGE) -> Iterator[Entry]:
    """All keys with a prefix, in pages that are fetched when they are needed.

    :param one_level: what lies deeper is told as a directory.
    :param most: entries of one page.
    """
    query = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(most)}
    if prefix:
        query["prefix"] = prefix
    if one_level:
        query["delimiter"] = "/"
    while True:
        answer = client.call("GET", "", f"/{prefix}", query=query)
        page = read_page(answer.body)
        # A page may be empty and yet not be the last one.
        yield from page.entries
        if not page.marker:
            return
        query["marker"] = page.marker


def read_page(body: bytes) -> Page:
    """:raises StoreError: if it is no listing."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise StoreError("Azure Blob Storage sent a listing that cannot be read") from None
    entries: list[Entry] = []
    for found in root.find("Blobs") or ():
        name = _name(found)
        properties = {each.tag: each.text for each in found.find("Properties") or ()}
        if found.tag == "BlobPrefix":
            entries.append(Entry(f"/{name.removesuffix('/')}", Kind.DIRECTORY))
            continue
        entries.append(
            entry(
                f"/{name}",
                int(properties.get("Content-Length") or 0),
                {each.tag.lower(): each.text or "" for each in found.find("Metadata") or ()},
                etag=properties.get("Etag"),
                changed=properties.get("Last-Modified"),
                md5=properties.get("Content-MD5"),
                kind=properties.get("Content-Type"),
                resource=properties.get("ResourceType"),
            )
        )
    return Page(entries, root.findtext("NextMarker") or "")


def _name(found: ElementTree.Element) -> str:
    name = found.find("Name")
    if name is None:
        return ""
    text = name.text or ""
    # A name that XML cannot hold comes percent-encoded, and says so.
    return unquote(text) if name.get("Encoded") == "true" else text
