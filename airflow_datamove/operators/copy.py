"""Measures a source, chooses the route, and copies: :class:`SizeRoutedCopyOperator`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_datamove.errors import Cancelled, CopyFailed
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.operators.fair_share import FairShare
from airflow_datamove.operators.leased_copies import LeasedCopies, is_from_ledger
from airflow_datamove.operators.leased_job import LeasedJob
from airflow_datamove.operators.leave_report import leave_report
from airflow_datamove.operators.recorded import recorded
from airflow_datamove.operators.routed_copy import RoutedCopy
from airflow_datamove.operators.tag import task_of
from airflow_datamove.quantity import format_rate, format_size, parse_size
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.progress import Progress
from airflow_datamove.transfer.route import RouteDecision
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
        """Measures, chooses the route, and copies or hands over; or works on what waits in the ledger."""
        with failing_as_airflow():
            if self.posted and is_from_ledger(context["dag_run"].conf):
                return LeasedCopies(self, context).work()
            request = self.requested(context)
            posted = self.posted and self.limits is not None
            id = recorded(context, request, self.limits.tenant, self.lane) if posted and self.limits else ""
            handed: list[dict[str, Any]] = []
            report = LeasedJob(context, id, self._cancelled.set).work(
                lambda: self._routed(context, request, id, handed)
            )
            return handed if self.hand_over else report

    def _routed(
        self, context: Context, request: CopyRequest, id: str, handed: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The report; ``None`` where DistCp gets the request from another task, by what stands in ``handed`` then."""
        decision = self.routed().measured(request)
        if decision is None or decision.route is not Route.DISTCP:
            return self._copy(context, request, decision)
        self.log.info("Route %s, because %s", decision.route, decision.reason)
        if not self.hand_over:
            report: dict[str, Any] = self.copy_by_distcp(context, request, decision.reason)
            return report
        handed.append({"request": request.model_dump(), "reason": decision.reason, "ledger_id": id, "native": True})
        return None

    def routed(self, **shared: Any) -> RoutedCopy:
        """What copies for this task.

        :param shared: connections and stores that many copies share.
        """
        return RoutedCopy(
            threshold=parse_size(self.threshold),
            hadoop_conn_id=self.hadoop_conn_id,
            threads=self.threads,
            server_side_counts=self.limits is not None and self.limits.server_side,
            limits=self.limits,
            **shared,
        )

    @property
    def cancelled(self) -> threading.Event:
        """Set once the task is to end."""
        return self._cancelled

    def _copy(self, context: Context, request: CopyRequest, decision: RouteDecision | None) -> dict[str, Any]:
        throttle = Throttle(self.rate(request, distcp=False))
        try:
            report = self.routed().copy(
                request,
                decision,
                throttle,
                progress=_Shown(self, context),
                cancelled=self._cancelled,
                sharing=self._sharing(context, request, throttle),
            )
        except (CopyFailed, Cancelled) as error:
            if error.report is not None:
                leave_report(context, error.report, request)
            raise
        return leave_report(context, report, request)

    def _sharing(self, context: Context, request: CopyRequest, throttle: Throttle) -> FairShare | None:
        if self.limits is None or not self.limits.capacity:
            return None
        slots = self.limits.slots(request, distcp=False, lane=self.lane)
        return FairShare(throttle, self.limits, self.lane, slots, task_of(context))


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
