"""What stands where a copy wants to go, before anything is there: :class:`Landing`."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, PermissionDenied
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.naming import naming

_CREATE = "--create (create: true) makes it"


class Landing:
    """The way to a destination."""

    def __init__(self, address: Address, store: Store) -> None:
        self._address, self._store = address, store
        self.lacks_root = False
        """There is no such container or bucket yet."""

    def nearest(self, path: str, created: bool) -> Entry | None:
        """What stands at a path or at the nearest of its parents; ``None`` where this connection may not see it."""
        while True:
            try:
                with naming(self._address):
                    return self._store.stat(path)
            except NotFound as error:
                if path == "/":
                    if created:
                        self.lacks_root = True
                        return None
                    error.remedy = error.remedy or _CREATE
                    raise
                path = path.rpartition("/")[0] or "/"
            except PermissionDenied:
                return None

    def is_both(self, entry: Entry) -> bool:
        """True for a file whose name others have before them, as it may be where names are keys."""
        return self._store.capabilities.flat and entry.kind is Kind.FILE and self._store.is_both(entry.path)


def what_is(entry: Entry) -> str:
    """What something that is no directory is called."""
    return "a file" if entry.kind is Kind.FILE else "a symlink or a special file"
