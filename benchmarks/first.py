"""The first figures: what a request costs beside its copying, and a copy to Azure beside rclone's."""

from __future__ import annotations

from pathlib import Path

from benchmarks import azure_upload, request_cost
from benchmarks.measure import Row
from tests.servers import stop_all

PARTS = (request_cost, azure_upload)
"""Run one after the other; the servers of one do not run beside the next."""


def rows(state: Path) -> list[Row]:
    """All rows of all parts."""
    found = []
    for part in PARTS:
        found += part.rows(state)
        stop_all(state)
    return found
