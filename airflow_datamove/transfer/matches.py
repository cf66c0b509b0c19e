"""What a folder holds, or what a glob matches, without going into it: :func:`matches`."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.glob import is_glob, split_glob, unescape
from airflow_datamove.transfer.source_view import GlobView


def matches(store: Store, address: Address) -> Iterator[Entry]:
    """The children of a folder, or the files and folders that a glob matches; folders alone where the glob ends with a
    slash. Sorted within each folder.

    :raises NotFound: if there is no such folder.
    """
    if not is_glob(address.path):
        yield from store.list(unescape(address.path).rstrip("/") or "/")
        return
    view = GlobView(store, address)
    pending = [""]
    while pending:
        further = []
        for entry in view.children(pending.pop()):
            relative = entry.path[len(view.top.rstrip("/")) + 1 :]
            if entry.kind is not Kind.DIRECTORY or view.counts(relative):
                yield entry
            else:
                further.append(relative)
        pending.extend(reversed(further))


def fixed_part(address: Address) -> str:
    """The path that those of all matches begin with, without a trailing slash."""
    return split_glob(address.path)[0].rstrip("/")
