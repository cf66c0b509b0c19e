"""Why DistCp cannot do a copy, known from the request alone: :func:`obstacle`."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.distcp.uri import hadoop_uri
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.transfer.glob import is_glob
from airflow_datamove.transfer.options import CopyOptions


def obstacle(
    source: Address, destination: Address, options: CopyOptions, connections: Connections, *, plain: bool = False
) -> str:
    """Why DistCp cannot do a copy, in a clause; empty if it can reach both ends and do what is asked for.

    :param plain: the cluster's client cannot be given our list (see :func:`is_plain`). Then a glob is an obstacle
        before its matches are listed: DistCp takes files of one directory, but pours matched directories into one.
    :raises ConnectionNotFound: if a connection of theirs does not exist.
    """
    if found := options.distcp_obstacle(plain=plain):
        return found
    if plain and is_glob(source.path):
        return "DistCp without our list would pour the directories that a glob matches into one"
    try:
        for end in (source, destination):
            hadoop_uri(end, "/", connections)
    except (Refused, WrongUse) as error:
        return error.message
    return ""


def is_plain(hadoop: Connection) -> bool:
    """True if a cluster's client cannot be given our list: its connection's extra says ``"listing": "plain"``.

    :raises WrongUse: if it says something else.
    """
    listing = str(hadoop.extra.get("listing") or "planned").strip()
    if listing not in ("planned", "plain"):
        raise WrongUse(
            f"connection {hadoop.id!r} says listing: {listing!r}", remedy="Write planned or plain, or leave it out"
        )
    return listing == "plain"
