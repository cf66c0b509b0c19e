"""Measures a source, chooses the route, and copies: :class:`SizeRoutedCopyOperator`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_datamove.address import Address
from airflow_datamove.distcp.obstacle import is_plain, obstacle
from airflow_datamove.errors import Cancelled, CopyFailed
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.operators.leave_report import leave_report
from airflow_datamove.quantity import format_rate, format_size, parse_size
from airflow_datamove.scheduling.copy_options import options_of
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.measure import Asked, measure_asked
from airflow_datamove.transfer.options import Route, Verify
from airflow_datamove.transfer.progress import Progress
from airflow_datamove.transfer.route import NO_CLUSTER, RouteDecision, choose_route
from airflow_datamove.transfer.throttle import Throttle

_LOG_EVERY = 10.0
_KEEP_EVERY = 2.0
PROGRESS_KEY = "progress"
"""The key in Airflow's task state store under which a running copy keeps what ``Progress.to_dict`` gives."""


class SizeRoutedCopyOperator(DistCpOperator):
    """Copies what is small itself, and hands what is large to DistCp.

    Alone in a DAG it does both: it measures, chooses, copies, or submits the DistCp job and defers. With ``hand_over``
    it does only the worker's part, and returns a list of arguments for a mapped :class:`DistCpOperator`, which is
    empty where it copied by itself. The report is the XCom ``report``.

    :param threshold: from this size on DistCp copies; ``"1 GiB"`` or bytes.
    :param route: ``auto``, or the route to take (templated).
    :param hand_over: leave what is large to a mapped DistCpOperator.
    :param threads: files and parts that are moved at a time, at most.

    The other parameters are those of :class:`DistCpOperator`; an empty ``hadoop_conn_id`` means: there is no cluster.
    """

    template_fields: Sequence[str] = (*DistCpOperator.template_fields, "route")
    ui_color = "#d5e8d4"

    def __init__(
        self,
        *,
        threshold: str | int = "1 GiB",
        route: str = "auto",
        hand_over: bool = False,
        threads: int = 16,
        hadoop_conn_id: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(hadoop_conn_id=hadoop_conn_id, **kwargs)
        self.threshold = threshold
        self.route = route
        self.hand_over = hand_over
        self.threads = threads

    def execute(self, context: Context) -> Any:
        """Measures, chooses the route, and copies or hands over."""
        with failing_as_airflow():
            request = self.requested(context)
            decision = None
            if self._may_be_distcps(request):
                decision = self._measured(request)
                if decision.route is Route.DISTCP:
                    self.log.info("Route %s, because %s", decision.route, decision.reason)
                    if self.hand_over:
                        return [self._handed_over(request, decision)]
                    return self.copy_by_distcp(context, request, decision.reason)
            report = self._copy(context, request, decision)
            return [] if self.hand_over else report

    def _may_be_distcps(self, request: CopyRequest) -> bool:
        """Whether the source must be measured before anything is compared. Elsewhere the comparison tells the size."""
        if Route(request.route) not in (Route.AUTO, Route.DISTCP):
            return False
        return Route(request.route) is Route.DISTCP or not self._distcp_obstacle(request)

    def _measured(self, request: CopyRequest) -> RouteDecision:
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        connections = AirflowConnections()
        with open_store(source, connections) as store, open_store(destination, connections) as there:
            enough = parse_size(self.threshold)
            asked = measure_asked(store, source, options_of(request), connections, enough_bytes=enough)
            return self._choose(request, asked, server_side=there.can_copy_from(store))

    def _choose(self, request: CopyRequest, measure: Asked, *, server_side: bool) -> RouteDecision:
        return choose_route(
            files=measure.files,
            bytes=measure.bytes,
            threshold=parse_size(self.threshold),
            distcp_obstacle=self._distcp_obstacle(request),
            server_side=server_side,
            requested=Route(request.route),
            whole=measure.whole,
        )

    def _distcp_obstacle(self, request: CopyRequest) -> str:
        if not self.hadoop_conn_id:
            return NO_CLUSTER
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        connections = AirflowConnections()
        plain = is_plain(connections.get(self.hadoop_conn_id))
        return obstacle(source, destination, options_of(request), connections, plain=plain)

    def _copy(self, context: Context, request: CopyRequest, decision: RouteDecision | None) -> dict[str, Any]:
        rate = self.rate(request, distcp=False)
        options = options_of(request, threads=self.threads, rate=rate)
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        try:
            with prepare_copy(
                source, destination, AirflowConnections(), options, cancelled=self._cancelled
            ) as prepared:
                if decision is None:
                    measure = Asked(prepared.plan.files, prepared.plan.directories, prepared.plan.bytes)
                    decision = self._choose(request, measure, server_side=prepared.server_side)
                self.log.info("Route %s, because %s", decision.route, decision.reason)
                counts = self.limits is not None and self.limits.server_side
                if decision.route is Route.SERVER_SIDE and not counts and options.verify is not Verify.READ_BACK:
                    rate = None  # the bytes do not pass the link
                self.log.info("Copying at no more than %s", format_rate(rate) if rate else "the machine's speed")
                report = prepared.carry_out(
                    throttle=Throttle(rate),
                    route=decision.route,
                    reason=decision.reason,
                    progress=_Shown(self, context),
                    cancelled=self._cancelled,
                )
        except (CopyFailed, Cancelled) as error:
            if error.report is not None:
                leave_report(context, error.report, request)
            raise
        return leave_report(context, report, request)

    def _handed_over(self, request: CopyRequest, decision: RouteDecision) -> dict[str, Any]:
        return {"request": request.model_dump(), "reason": decision.reason}


class _Shown:
    """Shows a copy's progress: in the log every ten seconds, in the task state store every two."""

    def __init__(self, operator: SizeRoutedCopyOperator, context: Context) -> None:
        self._log = operator.log
        self._store = context["task_state_store"]
        self._logged = self._kept = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._kept >= _KEEP_EVERY:
            self._kept = now
            self._keep(progress)
        if now - self._logged >= _LOG_EVERY:
            self._logged = now
            self._log.info(
                "%d of %d files, %s of %s, %s",
                progress.files_done,
                progress.files,
                format_size(progress.bytes_done),
                format_size(progress.bytes),
                format_rate(progress.rate),
            )

    def _keep(self, progress: Progress) -> None:
        try:
            self._store.set(
                PROGRESS_KEY,
                progress.to_dict(),
            )
        except Exception as error:  # whatever keeps progress from being shown must not end the copy
            self._log.warning("Progress could not be kept: %s", error)
