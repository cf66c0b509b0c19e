"""How a copy is done, and why: :func:`choose_route`, a pure function."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused
from airflow_datamove.quantity import format_size
from airflow_datamove.stores.contract import Store
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.path_rule import same_store

DEFAULT_THRESHOLD = 2**30
"""Bytes from which on a copy is DistCp's."""


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """A route, never ``AUTO``, and the reason for it in one sentence."""

    route: Route
    reason: str


def choose_route(
    *,
    files: int,
    bytes: int,
    threshold: int = DEFAULT_THRESHOLD,
    hadoop: bool,
    distcp_reaches: bool,
    server_side: bool,
    requested: Route = Route.AUTO,
) -> RouteDecision:
    """Chooses ``server_side`` where the store can copy by itself, else ``distcp`` from ``threshold`` on where a cluster
    is named and reaches both ends, else ``worker``.

    :param files: files of the source.
    :param bytes: their bytes.
    :param threshold: bytes from which on DistCp is worth its start.
    :param hadoop: a Hadoop connection is given.
    :param distcp_reaches: DistCp can reach both ends.
    :param server_side: both ends are in one store, which can copy by itself.
    :param requested: what the user asks for.
    :raises Refused: if what is requested is impossible, with the reason.
    """
    amount = f"{files} file{'' if files == 1 else 's'}, {format_size(bytes)}"
    no_distcp = (
        "no Hadoop connection is given" if not hadoop else "" if distcp_reaches else "DistCp cannot reach both ends"
    )
    if requested is Route.SERVER_SIDE and not server_side:
        raise Refused("route server_side is impossible: the two ends are not in one store that can copy by itself")
    if requested is Route.DISTCP and no_distcp:
        remedy = "Name a Hadoop connection" if not hadoop else "Use route auto or worker"
        raise Refused(f"route distcp is impossible: {no_distcp}", remedy=remedy)
    if requested is not Route.AUTO:
        return RouteDecision(requested, f"{amount}: route {requested} was asked for")
    if server_side:
        return RouteDecision(Route.SERVER_SIDE, f"{amount}: both ends are in one store, which can copy by itself")
    if bytes < threshold:
        return RouteDecision(Route.WORKER, f"{amount}: below the threshold of {format_size(threshold)}")
    above = f"{amount}: not below the threshold of {format_size(threshold)}"
    if no_distcp:
        return RouteDecision(Route.WORKER, f"{above}, but {no_distcp}")
    return RouteDecision(Route.DISTCP, above)


def can_copy_within(source: Address, source_store: Store, destination: Address) -> bool:
    """True if both ends are in one store, which can copy by itself."""
    return source_store.capabilities.copy_within and same_store(source, destination)
