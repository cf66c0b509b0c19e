"""The copy engine beside its peers: all rows of the table in docs/copy.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks import (
    copy_azure,
    copy_cap,
    copy_ceiling,
    copy_hdfs,
    copy_listing,
    copy_memory,
    copy_s3,
    copy_within,
    start,
)
from benchmarks.measure import Row
from tests.servers import stop_all

PARTS = (
    start,
    copy_azure,
    copy_s3,
    copy_ceiling,
    copy_hdfs,
    copy_within,
    copy_memory,
    copy_listing,
    copy_cap,
)
"""Run one after the other; the servers of one do not run beside the next."""


def rows(state: Path) -> list[Row]:
    """All rows of all parts."""
    found = []
    for part in PARTS:
        found += part.rows(state)
        stop_all(state)
    return found
