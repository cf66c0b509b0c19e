"""Removing what copies that nobody goes on with have left behind: :func:`sweep`."""

from __future__ import annotations

import time
from typing import NamedTuple

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.naming import naming

WEEK = 7 * 86400.0


class Swept(NamedTuple):
    """What was found."""

    removed: int
    """Leftovers that were removed, or would be."""
    bytes: int
    """Theirs."""
    younger: int
    """Leftovers that may still be gone on with, and stay."""


def sweep(address: Address, connections: Connections, *, older_than: float = WEEK, dry_run: bool = False) -> Swept:
    """Removes the unfinished files and parts at and below a directory that have not changed for a while.

    Uncommitted blocks in Azure are not among them: they cannot be removed, and Azure drops them after a week.

    :param older_than: seconds. A copy that is running changes its files all the time.
    :param dry_run: only count.
    :raises NotFound: if there is no such directory.
    :raises PermissionDenied: if one below it cannot be read, after what the others hold was removed.
    :raises StoreError: if the store cannot be listed, or does not let them be removed.
    """
    latest = time.time() - older_than
    removed = size = younger = 0
    with open_store(address, connections) as store, naming(address):
        path = address.path.rstrip("/") or "/"
        store.stat(path)
        for entry in store.leftovers(path):
            if entry.modified is None or entry.modified > latest:
                younger += 1
                continue
            if not dry_run:
                store.delete_leftover(entry)
            removed += 1
            size += entry.size
    return Swept(removed, size, younger)
