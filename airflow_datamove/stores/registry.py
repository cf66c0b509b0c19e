"""From an address to its store: the one way to reach a back-end."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Protocol, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Store

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


class _BackEnd(Protocol):
    def open_store(self, address: Address, connections: Connections) -> Store: ...


def schemes() -> list[str]:
    """The schemes that have a back-end."""
    return sorted(_BACK_ENDS)


def check(address: Address) -> Address:
    """Makes sure that an address names a store, without asking it.

    :raises AddressError: if its scheme has no back-end, or it lacks its connection, container or bucket, or
        names a host that only the connection may name.
    """
    if address.scheme not in _BACK_ENDS:
        close = difflib.get_close_matches(address.scheme, _BACK_ENDS, n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]}://?" if close else f"Known: {', '.join(schemes())}"
        raise AddressError(f"unknown scheme {address.scheme}://", remedy=hint)
    if address.scheme in _WITHOUT_AUTHORITY and address.authority:
        raise AddressError(
            f"{address} names {address.authority!r} besides its connection",
            remedy=f"Write {address.scheme}://connection_id@/path",
        )
    if address.scheme in _NEEDS_CONNECTION and not address.connection_id:
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
    """
    module = import_module(f"airflow_datamove.stores.{_BACK_ENDS[check(address).scheme]}")
    return cast(_BackEnd, module).open_store(address, connections)
