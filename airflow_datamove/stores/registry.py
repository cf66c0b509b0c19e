"""From an address to its store: the one way to reach a back-end."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError, WrongUse
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.fsspec_options import OPEN, REFUSED, is_known

_BACK_ENDS = {
    "file": "local",
    "hdfs": "hdfs",
    "abfs": "azure_blob",
    "gs": "gcs",
    "s3": "s3",
    "sftp": "sftp",
    "http": "http_source",
    "https": "http_source",
}
_NEEDS_AUTHORITY = {"abfs": "container", "gs": "bucket", "s3": "bucket", "http": "host", "https": "host"}
_NEEDS_CONNECTION = {"hdfs", "abfs", "gs", "s3", "sftp"}
# The connection alone says which one: two addresses that differ only in what they name besides would be one place.
_WITHOUT_AUTHORITY = {"hdfs", "sftp"}
# Only one of another scheme is certainly wrong: who has a type of his own may know why.
_TYPES = {
    "hdfs": ("webhdfs",),
    "abfs": ("wasb",),
    "gs": ("google_cloud_platform",),
    "s3": ("aws",),
    "sftp": ("sftp", "ssh"),
}


class _BackEnd(Protocol):
    def open_store(self, address: Address, connections: Connections) -> Store: ...


def schemes() -> list[str]:
    """The schemes that have a back-end of their own; fsspec knows more."""
    return sorted(_BACK_ENDS)


def check(address: Address) -> Address:
    """Makes sure that an address names a store, without asking it.

    :raises AddressError: if its scheme has no back-end, or it lacks its connection, container or bucket, or
        names a host that only the connection may name.
    """
    if address.scheme not in _BACK_ENDS and not is_known(address.scheme):
        close = REFUSED.get(address.scheme) or _closest(address.scheme)
        hint = f"Did you mean {close}://?" if close else f"Known: {', '.join(schemes())}"
        raise AddressError(f"unknown scheme {address.scheme}://", remedy=hint)
    if address.scheme in _WITHOUT_AUTHORITY and address.authority:
        raise AddressError(
            f"{address} names {address.authority!r} besides its connection",
            remedy=f"Write {address.scheme}://connection_id@/path",
        )
    needs_connection = address.scheme in _NEEDS_CONNECTION or address.scheme not in OPEN | _BACK_ENDS.keys()
    if needs_connection and not address.connection_id:
        raise AddressError(
            f"{address} names no connection", remedy=f"Write {address.scheme}://connection_id@{address.authority}/..."
        )
    if (what := _NEEDS_AUTHORITY.get(address.scheme)) and not address.authority:
        raise AddressError(f"{address} names no {what}", remedy=f"Write {address.scheme}://connection_id@{what}/...")
    return address


def open_store(address: Address, connections: Connections) -> Store:
    """The store that an address lies in.

    :raises AddressError: see :func:`check`.
    :raises ConnectionNotFound: if its connection does not exist.
    :raises WrongUse: if it is one for another scheme, or cannot be used.
    """
    back_end = _BACK_ENDS.get(check(address).scheme, "fsspec_adapter")
    module = import_module(f"airflow_datamove.stores.{back_end}")
    return cast(_BackEnd, module).open_store(address, _OfScheme(address.scheme, connections))


class _OfScheme(NamedTuple):
    """Connections for one scheme: one of another would be found wanting in words that lead nowhere."""

    scheme: str
    connections: Connections

    def get(self, connection_id: str) -> Connection:
        found = self.connections.get(connection_id)
        own = _TYPES.get(self.scheme)
        if own is not None and found.type not in own and any(found.type in types for types in _TYPES.values()):
            raise WrongUse(
                f"connection {connection_id!r} is of type {found.type!r}, and {self.scheme}:// needs {own[0]!r}",
                remedy="Name another connection, or write another scheme",
            )
        return found


def _closest(scheme: str) -> str:
    """What was perhaps meant: of names that are as close, the one of the same letters."""
    close = difflib.get_close_matches(scheme, _BACK_ENDS, cutoff=0.5)
    return min(close, key=lambda name: sorted(name) != sorted(scheme), default="")
