"""Listings of HDFS: the pages of ``LISTSTATUS_BATCH``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_datamove.errors import NotFound
from airflow_datamove.stores.webhdfs import WebHdfs


def statuses(web: WebHdfs, path: str, after: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and ``FileStatus`` of each child of a directory, in the order of their names' bytes as signed numbers, so
    that Unicode comes first.

    :param after: only names behind this one, which need not exist.
    :raises NotFound: if there is no such directory.
    """
    while True:
        more = {"startAfter": after} if after else {}
        page = web.call("GET", "LISTSTATUS_BATCH", path, more)["DirectoryListing"]
        found = page["partialListing"]["FileStatuses"]["FileStatus"]
        for status in found:
            name = status["pathSuffix"]
            if not name:  # asked after a file, HDFS lists the file itself
                raise NotFound("not a directory", path=path)
            yield name, status
        if not page["remainingEntries"] or not found:
            return
        after = found[-1]["pathSuffix"]
