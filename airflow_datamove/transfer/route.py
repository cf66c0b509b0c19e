"""How a copy is done, and why: :func:`choose_route`, a pure function."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_datamove.errors import Refused
from airflow_datamove.quantity import format_size
from airflow_datamove.transfer.options import Route

DEFAULT_THRESHOLD = 2**30
"""Bytes from which on a copy is DistCp's."""

NO_CLUSTER = "no Hadoop connection is given"


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
    distcp_obstacle: str,
    server_side: bool,
    requested: Route = Route.AUTO,
    whole: bool = True,
) -> RouteDecision:
    """Chooses ``server_side`` where the store can copy by itself, else ``distcp`` from ``threshold`` on where a cluster
    is named and nothing keeps it from the copy, else ``worker``.

    :param files: files that are asked for.
    :param bytes: their bytes.
    :param threshold: bytes from which on DistCp is worth its start.
    :param distcp_obstacle: why DistCp cannot do it, in a clause (:data:`NO_CLUSTER`, ...); empty if it can.
    :param server_side: both ends are in one store, which can copy by itself.
    :param requested: what the user asks for.
    :param whole: False if there is more than that, which then is enough to know.
    :raises Refused: if what is requested is impossible, with the reason.
    """
    amount = f"{'' if whole else 'at least '}{files} file{'' if files == 1 else 's'}, {format_size(bytes)}"
    if requested is Route.SERVER_SIDE and not server_side:
        raise Refused("route server_side is impossible: the two ends are not in one store that can copy by itself")
    if requested is Route.DISTCP and distcp_obstacle:
        name_one = "Name a Hadoop connection (--hadoop, hadoop_conn_id, or hadoop: in platform.yaml)"
        remedy = name_one if distcp_obstacle == NO_CLUSTER else "Use route auto or worker"
        raise Refused(f"route distcp is impossible: {distcp_obstacle}", remedy=remedy)
    if requested is not Route.AUTO:
        return RouteDecision(requested, f"{amount}: route {requested} was asked for")
    if server_side:
        return RouteDecision(Route.SERVER_SIDE, f"{amount}: both ends are in one store, which can copy by itself")
    if bytes < threshold:
        return RouteDecision(Route.WORKER, f"{amount}: below the threshold of {format_size(threshold)}")
    above = f"{amount}: not below the threshold of {format_size(threshold)}"
    if distcp_obstacle:
        return RouteDecision(Route.WORKER, f"{above}, but {distcp_obstacle}")
    return RouteDecision(Route.DISTCP, above)
