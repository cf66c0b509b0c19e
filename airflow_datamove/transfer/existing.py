"""What stands at the destination where a copy wants to write, found with few calls and little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_datamove.errors import NotFound, NotSupported, PermissionDenied
from airflow_datamove.stores.contract import Entry, Kind, Store

_FEW = 3
"""Up to so many paths of one directory are asked after one by one; more of them by one listing."""


def existing(store: Store, wanted: Iterable[str]) -> Iterator[Entry]:
    """The entries at those of the ``wanted`` paths where something stands.

    Where names are flat, a path may come twice: as a file and as a directory. A directory that does not exist is asked
    after once, and nothing below it is. Nothing stands at a name that the store cannot hold.
    """
    by_parent: dict[str, set[str]] = {}
    for path in wanted:
        by_parent.setdefault(path.rpartition("/")[0] or "/", set()).add(path)
    missing: set[str] = set()
    for parent in sorted(by_parent):
        if _below_any(parent, missing):
            continue
        paths = by_parent.pop(parent)
        if len(paths) <= _FEW:
            for path in sorted(paths):
                yield from _asked(store, path)
            continue
        try:
            for entry in store.list(parent):
                if entry.path in paths:
                    yield entry
        except (NotFound, NotSupported):
            missing.add(parent)


def nearest(store: Store, path: str) -> Entry | None:
    """What stands at ``path`` or at the nearest of its parents; ``None`` where this connection may not see it.

    :raises NotFound: if not even the store's root is there: no such bucket.
    """
    while True:
        try:
            return store.stat(path)
        except NotFound:
            if path == "/":
                raise
            path = path.rpartition("/")[0] or "/"
        except PermissionDenied:
            return None


def _asked(store: Store, path: str) -> Iterator[Entry]:
    try:
        entry = store.stat(path)
    except (NotFound, NotSupported):
        return
    yield entry
    if store.capabilities.flat and entry.kind is Kind.FILE and store.is_both(path):
        yield Entry(path, Kind.DIRECTORY)


def _below_any(path: str, directories: set[str]) -> bool:
    while path != "/" and path:
        if path in directories:
            return True
        path = path.rpartition("/")[0]
    return "/" in directories
