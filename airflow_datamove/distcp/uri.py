"""From an address to the URI under which a Hadoop cluster knows the same place.

The cluster reaches the cloud with its own configuration (core-site, a credential provider): no credential is ever
put into a URI or onto a command line.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.stores.connection import Connection, Connections

# Path arguments travel in job.xml, and XML 1.0 has no way to write these characters.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Most names, of a million, are none of those that need a closer look.
_SUSPECT = re.compile(r":|//|(?:^|/)\.|^/|/$|^$")
_GLOB = re.compile(r"([\\*?\[\]{}])")


def hadoop_uri(address: Address, path: str, connections: Connections, *, allow_local: bool = False) -> str:
    """The URI of a path in the store of ``address``, unescaped, as Hadoop's ``Path(String)`` reads it.

    ``hdfs://`` becomes the name node's own address if the connection's extra has ``name_node``
    (``hdfs://nn:8020``); otherwise ``webhdfs://host:port``, which is always right and slower, because every byte goes
    through HTTP. ``abfs://conn@container/p`` becomes ``abfs://container@account.dfs.core.windows.net/p``, and
    ``s3://conn@bucket/p`` becomes ``s3a://bucket/p``: at which endpoint that is, the cluster's configuration says.

    :param path: a plain path: no glob, no escapes.
    :param allow_local: let ``file://`` through, which on a cluster means each node's own disk.
    :raises WrongUse: if the connection does not say enough.
    :raises Refused: if the scheme is not one that this route takes.
    """
    if address.scheme == "hdfs":
        root = _name_node(connections.get(address.connection_id))
    elif address.scheme == "gs":
        root = f"gs://{address.authority}"
    elif address.scheme == "s3":
        root = f"s3a://{address.authority}"
    elif address.scheme == "abfs":
        root = f"abfs://{address.authority}@{_account(connections.get(address.connection_id))}"
    elif address.scheme == "file" and allow_local:
        root = "file://"
    else:
        raise Refused(f"DistCp cannot reach {address}", remedy="Take the worker route")
    return root + path


def check_root(path: str) -> None:
    """Refuses a path that cannot be an argument of DistCp.

    :raises Refused: for ``:`` (``org.apache.hadoop.fs.Path`` takes it for a scheme) and characters that job.xml
        cannot hold.
    """
    if _NOT_IN_XML.search(path):
        raise Refused(f"DistCp cannot be given {path!r}: a control character in it", remedy="Take the worker route")
    if path.strip("/"):
        check_name(path.strip("/"))


def check_name(relative: str) -> None:
    """Refuses a path inside a tree that Hadoop cannot hold.

    :raises Refused: for ``:`` anywhere, for empty names, ``.`` and ``..``, and for ``.snapshot``, which HDFS keeps for
        itself.
    """
    if not _SUSPECT.search(relative):
        return
    if {"", ".", ".."} & set(relative.split("/")):
        raise Refused(f"Hadoop cannot hold {relative!r}: an empty or a dotted name", remedy="Take the worker route")
    if ":" in relative:
        raise Refused(f"Hadoop cannot hold {relative!r}: a colon in a name", remedy="Take the worker route")
    if ".snapshot" in relative.split("/"):
        raise Refused(f"HDFS keeps the name .snapshot for itself: {relative!r}", remedy="Take the worker route")


def source_argument(uri: str) -> str:
    """A source as DistCp's argument: glob characters escaped, because DistCp globs every source.

    The trailing slash keeps a trailing space, which DistCp would trim.
    """
    return _GLOB.sub(r"\\\1", uri.rstrip("/")) + "/"


def target_argument(uri: str) -> str:
    """The target as DistCp's argument; it is never globbed."""
    return uri.rstrip("/") + "/"


def _name_node(connection: Connection) -> str:
    if name_node := str(connection.extra.get("name_node") or "").rstrip("/"):
        return name_node if "://" in name_node else f"hdfs://{name_node}"
    host = urlsplit(connection.host).hostname if "://" in connection.host else connection.host.split(",")[0].strip()
    if not host:
        raise WrongUse(f"connection {connection.id!r} names no host", remedy="Set its host, or name_node in its extra")
    secure = str(connection.extra.get("use_ssl", "")).lower() in ("true", "1")
    port = connection.port or (9871 if secure else 9870)
    return f"{'swebhdfs' if secure else 'webhdfs'}://{host}:{port}"


def _account(connection: Connection) -> str:
    """The host of the account's data lake endpoint, where the driver ``abfs`` talks to."""
    text = str(
        connection.extra.get("connection_string") or connection.extra.get("extra__wasb__connection_string") or ""
    )
    parts = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in text.split(";"))}
    suffix = parts.get("endpointsuffix") or "core.windows.net"
    host = (urlsplit(connection.host).hostname if "://" in connection.host else connection.host) or ""
    account = parts.get("accountname") or host.partition(".")[0] or connection.login
    if not account:
        raise WrongUse(
            f"connection {connection.id!r} names no storage account", remedy="Set its login or host to the account"
        )
    return f"{account}.dfs.{suffix}"
