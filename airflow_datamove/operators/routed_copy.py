"""One request as a worker sees it: measured, its route chosen, copied. :class:`RoutedCopy` may serve many at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from airflow_datamove.address import Address
from airflow_datamove.distcp.obstacle import is_plain, obstacle
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.quantity import format_rate
from airflow_datamove.report import TransferReport
from airflow_datamove.scheduling.copy_options import options_of
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.scheduling.symlinks import may_have_symlinks, refuse_symlinks
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.stores.shared import Opener
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.measure import Asked, measure_asked
from airflow_datamove.transfer.options import Route, Verify
from airflow_datamove.transfer.progress import Progress
from airflow_datamove.transfer.route import NO_CLUSTER, RouteDecision, choose_route
from airflow_datamove.transfer.throttle import Throttle

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RoutedCopy:
    """Measures, chooses and copies.

    :param threshold: bytes from which on DistCp copies.
    :param hadoop_conn_id: the cluster's connection; empty: there is none.
    :param threads: files and parts that a copy moves at a time, at most.
    :param server_side_counts: what a service copies by itself keeps to the rate too.
    """

    threshold: int
    hadoop_conn_id: str = ""
    threads: int = 16
    server_side_counts: bool = False
    connections: Connections = field(default_factory=AirflowConnections)
    opened: Opener = open_store
    limits: Limits | None = None
    """Whose folders no symlink may lead out of."""

    def measured(self, request: CopyRequest) -> RouteDecision | None:
        """The route, where the source must be measured before anything is compared; ``None`` where the comparison will
        tell the size.

        :raises Refused: if the route that is asked for is impossible.
        """
        return self.routed(request)[1] if self._may_be_distcps(request) else None

    def routed(self, request: CopyRequest) -> tuple[Asked, RouteDecision]:
        """How much is asked for, as far as it must be known, and the route.

        :raises Refused: if the route that is asked for is impossible.
        """
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        self._refuse_symlinks(source, destination)
        with self.opened(source, self.connections) as store, self.opened(destination, self.connections) as there:
            asked = measure_asked(store, source, options_of(request), self.connections, enough_bytes=self.threshold)
            return asked, self._choose(request, asked, server_side=there.can_copy_from(store))

    def copy(
        self,
        request: CopyRequest,
        decision: RouteDecision | None,
        throttle: Throttle,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancelled: threading.Event,
        sharing: AbstractContextManager[object] | None = None,
    ) -> TransferReport:
        """Copies by this process, or lets the service copy.

        :param decision: what :meth:`measured` gave.
        :param throttle: the rate to keep to, wherever the bytes pass the link.
        :param sharing: is entered while bytes pass the link, and sets the throttle's rate.
        :raises CopyFailed: and the others of :func:`~airflow_datamove.transfer.copy.copy`.
        """
        options = options_of(request, threads=self.threads, rate=throttle.rate)
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        self._refuse_symlinks(source, destination)
        with prepare_copy(
            source, destination, self.connections, options, cancelled=cancelled, opened=self.opened
        ) as prepared:
            if decision is None:
                asked = Asked(prepared.plan.files, prepared.plan.directories, prepared.plan.bytes)
                decision = self._choose(request, asked, server_side=prepared.server_side)
            _log.info("Route %s, because %s", decision.route, decision.reason)
            by_service = decision.route is Route.SERVER_SIDE and options.verify is not Verify.READ_BACK
            if by_service and not self.server_side_counts:
                throttle, sharing = Throttle(None), None  # the bytes do not pass the link
            most = format_rate(throttle.rate) if throttle.rate else "the machine's speed"
            _log.info(
                "Copying at %s", f"a share of the link, {most} without one" if sharing else f"no more than {most}"
            )
            with sharing or nullcontext():
                return prepared.carry_out(
                    throttle=throttle,
                    route=decision.route,
                    reason=decision.reason,
                    progress=progress,
                    cancelled=cancelled,
                )

    def _refuse_symlinks(self, source: Address, destination: Address) -> None:
        if self.limits is not None and may_have_symlinks(source):
            with self.opened(source, self.connections) as store:
                refuse_symlinks(store, source, self.limits.read, source=True)
        if self.limits is not None and may_have_symlinks(destination):
            with self.opened(destination, self.connections) as store:
                refuse_symlinks(store, destination, self.limits.write, source=False)

    def _may_be_distcps(self, request: CopyRequest) -> bool:
        """Whether the source must be measured first."""
        if Route(request.route) not in (Route.AUTO, Route.DISTCP):
            return False
        return Route(request.route) is Route.DISTCP or not self._distcp_obstacle(request)

    def _choose(self, request: CopyRequest, asked: Asked, *, server_side: bool) -> RouteDecision:
        return choose_route(
            files=asked.files,
            bytes=asked.bytes,
            threshold=self.threshold,
            distcp_obstacle=self._distcp_obstacle(request),
            server_side=server_side,
            requested=Route(request.route),
            whole=asked.whole,
        )

    def _distcp_obstacle(self, request: CopyRequest) -> str:
        if not self.hadoop_conn_id:
            return NO_CLUSTER
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        plain = is_plain(self.connections.get(self.hadoop_conn_id))
        return obstacle(source, destination, options_of(request), self.connections, plain=plain)
