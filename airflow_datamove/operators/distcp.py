"""Copies with Hadoop DistCp on YARN, holding no worker while the job runs: :class:`DistCpOperator`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import TaskDeferred

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob, DistCpRequest, JobRef
from airflow_datamove.distcp.sizing import enough_work, size_job
from airflow_datamove.distcp.wait import wait_for_end
from airflow_datamove.errors import Cancelled, DistCpFailed, TrackingLost, VerificationFailed
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.hooks.hadoop import HadoopHook
from airflow_datamove.operators.fixed_share import job_is_over, reserve_job
from airflow_datamove.operators.leased_job import LeasedJob
from airflow_datamove.operators.leave_report import leave_report
from airflow_datamove.operators.memory import remember, remembered
from airflow_datamove.operators.patience import find_cluster, having_found_cluster
from airflow_datamove.operators.rendered import request_values
from airflow_datamove.operators.tag import tag_of, tag_of_request, task_of
from airflow_datamove.operators.yarn_link import YarnApplicationLink
from airflow_datamove.quantity import format_rate, parse_rate
from airflow_datamove.scheduling.admission import admit
from airflow_datamove.scheduling.copy_options import MORE, options_of
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.request import CopyRequest, read_request
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.measure import Asked, measure_asked
from airflow_datamove.triggers.distcp import CANCELLED, DistCpTrigger

_ASKED_FOR = {"reason": "DistCp was asked for"}


class DistCpOperator(BaseOperator):
    """Copies by a DistCp job on YARN.

    The path rule, the overwrite policy and the conflicts are those of every other route. A retry finds the job by its
    tag: one that runs is joined, of one that has ended well the result is taken. Clearing the task starts afresh. The
    report is the XCom ``report`` and the return value.

    :param source: address of a file or directory (templated).
    :param destination: address that the source's contents get (templated).
    :param overwrite: ``never``, ``if_changed`` or ``always`` (templated).
    :param mirror: also delete what the source lacks (templated).
    :param priority: 0 to 99, for the record (templated).
    :param client: who asks (templated).
    :param slots: slots of the link that the job takes, at most ``pool_slots``, which is the default; with ``limits`` by
        default the tenant's most (templated).
    :param slot_rate: rate of one slot, ``"25 MiB/s"`` or bytes/s; the tenant's link decides where ``limits`` are given.
    :param posted: the run's conf is the request, instead of the fields above.
    :param hadoop_conn_id: connection of type ``hadoop`` (templated).
    :param queue: YARN queue; by default the connection's.
    :param properties: Hadoop properties of the job, from a short list.
    :param limits: what the tenant may do; nothing is checked without them.
    :param lane: the lane of the DAG.
    :param handed_over: ``{"request": ..., "reason": ..., "ledger_id": ...}`` from a :class:`SizeRoutedCopyOperator`
        with ``hand_over``, instead of the fields above. It is not templated: Airflow renders what a mapped task gets in
        a templated field, and a name that looks like a template must stay a name.
    :param poll_interval: seconds between two looks at the job.
    :param deferrable: wait in the triggerer, holding no worker.

    Every other field of a copy request is a parameter too, under its own name: ``include``, ``exclude``, ``min_size``,
    ``max_size``, ``min_age``, ``max_age``, ``manifest``, ``max_delete``, ``create``, ``publish``, ``marker``,
    ``verify``, ``on_error``, ``error_budget``, ``receipt``, ``part_size`` (templated; see docs/copy.md). What DistCp
    cannot do of it is refused.
    """

    template_fields: Sequence[str] = (
        "source",
        "destination",
        "overwrite",
        "mirror",
        "priority",
        "client",
        "slots",
        "hadoop_conn_id",
        "options",
    )
    operator_extra_links = (YarnApplicationLink(),)
    ui_color = "#f7e3c5"
    default_hadoop_conn_id: ClassVar[str] = HadoopHook.default_conn_name

    def __init__(
        self,
        *,
        source: str = "",
        destination: str = "",
        overwrite: str = "if_changed",
        mirror: bool | str = False,
        priority: int | str = 50,
        client: str = "",
        slots: int | str | None = None,
        slot_rate: str | int = "25 MiB/s",
        hadoop_conn_id: str = HadoopHook.default_conn_name,
        queue: str = "",
        properties: Mapping[str, str] | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        lane: str = "normal",
        handed_over: Mapping[str, Any] | None = None,
        posted: bool = False,
        poll_interval: float = 2.0,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        self.options = {name: kwargs.pop(name) for name in sorted(MORE) if name in kwargs}
        super().__init__(**kwargs)
        self.source = source
        self.destination = destination
        self.overwrite = overwrite
        self.mirror = mirror
        self.priority = priority
        self.client = client
        self.slots = slots
        self.slot_rate = slot_rate
        self.hadoop_conn_id = hadoop_conn_id
        self.queue = queue
        self.properties = properties
        self.limits = Limits.from_dict(dict(limits)) if isinstance(limits, Mapping) else limits
        self.lane = lane
        self.handed_over = handed_over
        self.posted = posted
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self.route = "distcp"
        self.application_url = ""
        self._cancelled = threading.Event()
        self._running: tuple[DistCpJob, JobRef] | None = None

    def execute(self, context: Context) -> Any:
        """Submits the job, or joins it, and waits for it."""
        reason = str((self.handed_over or _ASKED_FOR)["reason"])
        with failing_as_airflow():
            return self._leased(context).work(lambda: self.copy_by_distcp(context, self.requested(context), reason))

    def execute_complete(self, context: Context, event: Mapping[str, Any], ref: dict[str, Any], reason: str) -> Any:
        """The job has ended: verify, and report.

        :param ref: the job, as it was submitted.
        :param reason: why this route was taken.
        """
        with failing_as_airflow():
            if event["state"] == "LOST":
                raise TrackingLost(str(event["message"]), remedy="A retry will find the job by its tag")
            leased = self._leased(context)
            if event["state"] == CANCELLED:
                self._give_back(context)
                leased.cancelled(str(event["message"]))
            hook = HadoopHook(self.hadoop_conn_id)
            self.application_url = hook.application_url(ref["application_id"])
            return leased.work(lambda: self._finish(context, hook.get_conn(), ref, reason))

    def _leased(self, context: Context) -> LeasedJob:
        job = f"{self.hadoop_conn_id}|{self._tag(context)}" if self._ledger_id else None
        return LeasedJob(context, self._ledger_id, self._cancelled.set, job=job)

    def _tag(self, context: Context) -> str:
        ti = context["ti"]
        if self._is_from_ledger:
            return tag_of_request(self._ledger_id, int((self.handed_over or {}).get("generation", 0)))
        return tag_of(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries)

    @property
    def _is_from_ledger(self) -> bool:
        """Whether another run may have worked on the request before."""
        return bool(self._ledger_id) and not (self.handed_over or {}).get("native")

    @property
    def _ledger_id(self) -> str:
        return str((self.handed_over or {}).get("ledger_id", ""))

    def on_kill(self) -> None:
        """Stops the client that submits, and the job if it has not been handed over yet."""
        self._cancelled.set()
        if self._running is not None:
            # Airflow gives five seconds; a job that is being handed over has no one else to end it.
            job, ref = self._running
            job.kill(ref)

    def requested(self, context: Context) -> CopyRequest:
        """The request: handed over, posted, or the fields once their templates are rendered.

        :raises SpecError: if it is not sound.
        :raises Refused: if the tenant may not do that.
        """
        if self.handed_over:
            values = self.handed_over["request"]
        elif self.posted:
            values = context["dag_run"].conf or {}
        else:
            values = self.wishes()
        request = read_request(values)
        if self.limits:
            admit(request, self.limits, lane=self.lane)
        return request

    def wishes(self) -> dict[str, Any]:
        """What the fields ask for, as it is once their templates are rendered."""
        return {**request_values(self), **self.options}

    def rate(self, request: CopyRequest, *, distcp: bool) -> int | None:
        """Bytes per second that the copy may take: its slots x the rate of a slot.

        ``None`` for a worker's copy outside a tenant's DAG: without a link there is nothing to cap.
        """
        if self.limits:
            return self.limits.slots(request, distcp=distcp, lane=self.lane) * self.limits.slot_rate
        # A task that runs faster than the slots it holds takes what others have been promised.
        return min(request.slots or self.pool_slots, self.pool_slots) * parse_rate(self.slot_rate) if distcp else None

    def copy_by_distcp(self, context: Context, request: CopyRequest, reason: str) -> Any:
        """Submits the job of a request, or joins the one that runs already, and waits for it.

        :return: the report, where this task does not defer.
        """
        hook = HadoopHook(self.hadoop_conn_id)
        job = hook.get_conn()
        find_cluster(job, self._cancelled, first_try=context["ti"].try_number <= 1 and not self._is_from_ledger)
        source = Address.parse(request.source)
        rate, connections = self._job_rate(context, request), AirflowConnections()
        files, size = enough_work(1, rate)
        with open_store(source, connections) as store:
            measure = measure_asked(
                store, source, options_of(request), connections, enough_bytes=size, enough_files=files
            )
        maps, bandwidth = size_job(measure.files, measure.bytes, 1, rate)
        self.log.info("At most %d maps at %s each", maps, format_rate(bandwidth))
        asked = self._job_request(context, request, maps, bandwidth)
        try:
            ref = self._submit(context, job, asked, measure)
            if ref.ended and (report := self._taken(context, job, ref, reason)):
                return report
            ref = self._submit(context, job, asked, measure, anew=True) if ref.ended else ref
            return self._see_through(context, hook, job, ref, reason)
        except TaskDeferred:
            raise
        except BaseException:
            # Unless another try will join it, nobody else ends what was submitted.
            ti = context["ti"]
            if self._running is not None and (self._cancelled.is_set() or ti.try_number > ti.max_tries):
                with suppress(TrackingLost):
                    job.kill(self._running[1])
            raise

    def _job_rate(self, context: Context, request: CopyRequest) -> int:
        """Bytes per second that a job is given: of its slots' rate what is free of the link."""
        if self.limits is None or not self.limits.capacity:
            return self.rate(request, distcp=True) or 1
        return reserve_job(
            self.limits,
            self.lane,
            self.limits.slots(request, distcp=True, lane=self.lane),
            task_of(context),
            self._cancelled,
            request=self._ledger_id,
            runs=remembered(context, self._tag(context)) is not None,
        )

    def _submit(
        self, context: Context, job: DistCpJob, asked: DistCpRequest, measure: Asked, *, anew: bool = False
    ) -> JobRef:
        earlier = None if anew else remembered(context, asked.tag)
        if earlier is not None and (earlier.source, earlier.destination) != (str(asked.source), str(asked.destination)):
            # What a mapped task is given may have changed since: its tag says which task it is, and no more.
            self.log.warning("%s copies %s to %s: ended", earlier.application_id, earlier.source, earlier.destination)
            job.kill(earlier)
            earlier, anew = None, True
        with having_found_cluster():
            ref = job.submit(asked, cancelled=self._cancelled, anew=anew, earlier=earlier)
        if ref.files is None and measure.whole:
            ref = replace(ref, files=measure.files, bytes=measure.bytes)
        if ref.application_id and not ref.ended:
            self._running = (job, ref)
            self.log.info("%s %s", "Joined" if ref.joined else "Submitted", ref.application_id)
            remember(context, ref)
        return ref

    def _taken(self, context: Context, job: DistCpJob, ref: JobRef, reason: str) -> dict[str, Any] | None:
        """The report of a job that an earlier try has submitted and that has ended well; ``None`` if it must be run
        again, because what it left is not, or no longer, what the source holds."""
        self.log.info("%s was submitted by an earlier try and has ended well", ref.application_id)
        try:
            report = self._finish(context, job, ref.to_dict(), reason)
            return None if report["failed"] else report
        except (VerificationFailed, DistCpFailed) as error:
            self.log.warning("Its result will not do, so it is run again: %s", error)
            return None

    def _see_through(
        self, context: Context, hook: HadoopHook, job: DistCpJob, ref: JobRef, reason: str
    ) -> dict[str, Any]:
        """Hands the job over to a trigger, or waits for it here."""
        deferred = self.deferrable and bool(ref.application_id)
        if ref.application_id:
            self.application_url = hook.application_url(ref.application_id)
            # Airflow keeps a link when the task has ended; people want it while the job runs.
            context["ti"].xcom_push(key=YarnApplicationLink().xcom_key, value=self.application_url)
        if self._cancelled.is_set():
            raise Cancelled(f"cancelled: {ref.application_id} was killed")
        if deferred:
            self.defer(
                trigger=DistCpTrigger(
                    hadoop_conn_id=self.hadoop_conn_id,
                    ref=ref.to_dict(),
                    poll_interval=self.poll_interval,
                    ledger_id=self._ledger_id,
                    transfer_id=task_of(context).job_id(self._ledger_id)
                    if self.limits and self.limits.capacity
                    else "",
                ),
                method_name="execute_complete",
                kwargs={"ref": ref.to_dict(), "reason": reason},
            )
        wait_for_end(job, ref, self.poll_interval, self._cancelled)
        self._running = None
        return self._finish(context, job, ref.to_dict(), reason)

    def _finish(self, context: Context, job: DistCpJob, ref: dict[str, Any], reason: str) -> dict[str, Any]:
        known = JobRef.from_dict(ref)
        request = self.requested(context)
        asked = self._job_request(context, request, maps=max(1, known.maps), bandwidth=1)
        _make_sure_it_is(known, asked)
        report = leave_report(context, job.result(known, asked, reason=reason), request)
        self._give_back(context)
        return report

    def _give_back(self, context: Context) -> None:
        if self.limits is not None and self.limits.capacity:
            job_is_over(self.limits, task_of(context).job_id(self._ledger_id))

    def _job_request(self, context: Context, request: CopyRequest, maps: int, bandwidth: int) -> DistCpRequest:
        ti = context["ti"]
        return DistCpRequest(
            source=Address.parse(request.source),
            destination=Address.parse(request.destination),
            options=options_of(request),
            tag=self._tag(context),
            name=f"{ti.dag_id} {ti.run_id}"[:200],
            maps=maps,
            bandwidth=bandwidth,
            queue=self.queue,
            properties=dict(self.properties or {}),
        )


def _make_sure_it_is(ref: JobRef, asked: DistCpRequest) -> None:
    """What a mapped task is given may change while it is deferred: then the job that ended is not this request's.

    :raises TrackingLost: if so; the next try does what is asked for now.
    """
    did, wanted = (ref.source, ref.destination, ref.tag), (str(asked.source), str(asked.destination), asked.tag)
    if did != wanted:
        raise TrackingLost(
            f"{ref.application_id or 'the job'} has copied {ref.source} to {ref.destination}; asked for is now"
            f" {asked.source} to {asked.destination}",
            remedy="A retry copies that",
        )
