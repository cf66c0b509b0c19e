"""Errors of a store say the path inside it; who looks at two ends wants the whole address: :func:`naming`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from airflow_datamove.address import Address
from airflow_datamove.errors import PermissionDenied, StoreError
from airflow_datamove.stores.contract import Entry


@contextmanager
def naming(end: Address, *, denied: str = "") -> Iterator[None]:
    """Has an error about a path of a store tell the address.

    :param denied: the remedy for what may not be looked at; empty: the one that the store knows.
    """
    try:
        yield
    except StoreError as error:
        if error.path.startswith("/"):
            path = "" if error.path == "/" and end.authority else error.path
            error.tell_at(str(end.with_path(path)))
        if isinstance(error, PermissionDenied) and denied:
            error.remedy = denied
        raise


def told(end: Address, entries: Iterable[Entry], *, denied: str = "") -> Iterator[Entry]:
    """The entries of a listing, whose errors are told by :func:`naming`."""
    with naming(end, denied=denied):
        yield from entries
