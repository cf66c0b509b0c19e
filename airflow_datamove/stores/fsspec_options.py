"""Which of fsspec's file systems may be used, and with what they are made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_datamove.address import Address
from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection

RENAMING = frozenset({"ftp", "smb", "memory"})
"""Those that rename a file in one act; in ``memory`` the copy that stands for it is one assignment."""
OPEN = frozenset({"ftp", "github", "gist", "memory"})
"""Those that need no connection; the others would log in with what the machine itself may do."""
_SERVERS = frozenset({"ftp", "smb"})
"""Those whose authority is a host."""
REFUSED = {
    "abfss": "abfs", "adl": "abfs", "az": "abfs", "gcs": "gs", "local": "file", "s3a": "s3", "ssh": "sftp",
    "arrow_hdfs": "hdfs", "webhdfs": "hdfs",
    **dict.fromkeys(
        ["async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "data", "dir", "filecache",
         "generic", "git", "jlab", "jupyter", "libarchive", "pyscript", "reference", "simplecache", "tar", "zip"], ""
    ),
}  # fmt: skip
"""Other names of what has a store of its own; and what leads to the disks of this machine, or to anywhere, by a way
that no rule about addresses sees."""


def is_known(scheme: str) -> bool:
    """True if fsspec has a file system for a scheme, and it may be used."""
    if scheme in REFUSED:
        return False
    from fsspec import available_protocols

    return scheme in available_protocols()


def options_of(address: Address, connection: Connection) -> tuple[Mapping[str, Any], str]:
    """With what a file system is made, and what stands before each path.

    It is made with the extra ``storage_options``, and

    - ftp, smb: host (of the address or of the connection, which must agree), port, login, password;
    - github: ``github://connection@organisation:repository/path``, login, and the password as a token;
    - all others: what stands where a host would is the first segment of the path.

    :raises WrongUse: if the connection is for another host, or cannot be used.
    """
    options = connection.option("storage_options", {})
    if isinstance(options, str):
        try:
            options = json.loads(options)
        except ValueError:
            options = None
    if not isinstance(options, Mapping):
        raise WrongUse(f"connection {connection.id!r}: its storage_options are no object")
    made: dict[str, Any] = {"use_listings_cache": False}
    prefix = ""
    if address.scheme in _SERVERS:
        made |= _server(address, connection)
    elif address.scheme == "github":
        organisation, _, repository = address.authority.partition(":")
        made |= {"org": organisation, "repo": repository} if repository else {}
        if connection.password:
            made |= {"username": connection.login, "token": connection.password}
    elif address.authority:
        prefix = f"/{address.authority}" if address.scheme == "memory" else address.authority
    return made | dict(options), prefix


def _server(address: Address, connection: Connection) -> dict[str, Any]:
    host, _, port = address.authority.partition(":")
    if port and not port.isdecimal():
        raise WrongUse(f"{address} names a port that is no number")
    if (
        connection.host
        and host
        and (host, int(port or connection.port or 0)) != (connection.host, connection.port or 0)
    ):
        # What the connection holds would go to whoever is there.
        raise WrongUse(f"connection {connection.id!r} is for {connection.host}, not for {address.authority}")
    made: dict[str, Any] = {"host": host or connection.host}
    if not made["host"]:
        raise WrongUse(f"{address} names no host", remedy=f"Write {address.scheme}://connection_id@host/path")
    if number := port or connection.port:
        made["port"] = int(number)
    if connection.login:
        made |= {"username": connection.login, "password": connection.password}
    return made
