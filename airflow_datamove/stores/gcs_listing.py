"""Listings of a bucket: the pages of "Objects: list" of the vendor's JSON API reference."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.gcs_answers import FIELDS, entry_of
from airflow_datamove.stores.gcs_client import BucketClient

PAGE = 1000
"""Objects of one answer, at most."""


def listing(client: BucketClient, prefix: str, *, one_level: bool = False, most: int = PAGE) -> Iterator[Entry]:
    """All keys with a prefix, in code point order, in pages that are fetched when they are needed; markers of
    directories too, with their last slash.

    :param one_level: what lies deeper is told as a directory, after the files of its page.
    :param most: entries of one page.
    """
    query = {"fields": f"items({FIELDS}),prefixes,nextPageToken", "maxResults": str(most)}
    if prefix:
        query["prefix"] = prefix
    if one_level:
        query["delimiter"] = "/"
    while True:
        page = client.ask("GET", f"{client.root}/o", "/", query=query)
        # A page may be empty and yet not be the last one.
        for item in page.get("items", ()):
            yield entry_of(f"/{item['name']}", item)
        for each in page.get("prefixes", ()):
            yield Entry(f"/{each[:-1]}", Kind.DIRECTORY)
        token = page.get("nextPageToken")
        if not token:
            return
        query["pageToken"] = token
