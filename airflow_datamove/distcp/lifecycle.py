"""A job's life on one cluster: :class:`DistCpJob`."""

from __future__ import annotations

import threading
import time

from airflow_datamove.address import Address
from airflow_datamove.distcp.client import Client
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.debris import sweep
from airflow_datamove.distcp.failures import explain
from airflow_datamove.distcp.history import HistoryServer
from airflow_datamove.distcp.obstacle import is_plain
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.outcome import report_of
from airflow_datamove.distcp.prepare import Prepared, prepare
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.rest import NoAnswer, Rest
from airflow_datamove.distcp.uri import hadoop_uri
from airflow_datamove.distcp.yarn import App, ResourceManager, job_id
from airflow_datamove.errors import Cancelled, TrackingLost
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connection, Connections

_SECONDS_TO_DIE = 15.0


class DistCpJob:
    """One cluster, and what is done with a job on it. Keeps nothing between calls: a :class:`JobRef` says which job.

    :param hadoop: a connection of type ``hadoop`` (see :meth:`Cluster.of`).
    :param connections: where the connections of both ends are looked up.
    :param allow_local: let ``file://`` through, which on a cluster means each node's own disk.
    """

    def __init__(self, hadoop: Connection, connections: Connections, *, allow_local: bool = False) -> None:
        self._cluster = Cluster.of(hadoop)
        self._connections = connections
        self._allow_local = allow_local
        self._plain = is_plain(hadoop)
        self._manager = ResourceManager(Rest(self._cluster.resource_managers, self._cluster.user))
        servers = self._cluster.history_servers
        self._history = HistoryServer(Rest(servers, self._cluster.user)) if servers else None
        self._client = Client(self._cluster, self._manager)

    def check(self) -> None:
        """Makes sure, within seconds, that there is a client here and a resource manager that answers.

        :raises ClusterUnavailable: if not.
        """
        self._client.check()

    def prepare(self, request: DistCpRequest) -> Prepared:
        """Lists the source and plans the job; see :func:`airflow_datamove.distcp.prepare.prepare`."""
        return prepare(
            request,
            self._connections,
            queue=self._cluster.queue,
            allow_local=self._allow_local,
            plain=self._plain,
        )

    def submit(self, request: DistCpRequest | Prepared, *, cancelled: threading.Event | None = None) -> JobRef:
        """Submits a job, or joins the one of the same tag that runs already.

        It returns when the client has listed the source and YARN has taken the job.

        :param cancelled: once it is set, the client is killed, and the job if there is one.
        :raises ClusterUnavailable: before anything was submitted.
        :raises DistCpFailed: if the client failed.
        :raises Cancelled: if that was asked for.
        """
        asked = request.request if isinstance(request, Prepared) else request
        prepared = request if isinstance(request, Prepared) else None
        self.check()
        if running := self._client.running(asked.tag):
            return self._ref(running, asked, prepared, joined=True)
        prepared = prepared or self.prepare(asked)
        try:
            return self._submit(prepared, cancelled)
        finally:
            prepared.close()

    def _submit(self, prepared: Prepared, cancelled: threading.Event | None) -> JobRef:
        asked = prepared.request
        prepared.make_directories(self._connections)
        if prepared.command is None:
            return self._ref(None, asked, prepared)
        # The listing may have taken long: an earlier try's client may have come to its end meanwhile.
        if running := self._client.running(asked.tag):
            return self._ref(running, asked, prepared, joined=True)
        application_id, joined = self._client.submit(prepared.command, asked.tag, cancelled)
        ref = self._ref(application_id, asked, prepared, joined=joined)
        if cancelled is not None and cancelled.is_set():
            self.kill(ref)
            raise Cancelled(f"cancelled while {asked.source} was being submitted")
        return ref

    def poll(self, ref: JobRef) -> JobProgress:
        """How far a job is. One question to YARN, and one to the job's master while it runs.

        ``bytes_done`` is 0 as long as the master does not tell, and may fall back when a map is tried again.

        :raises TrackingLost: if nobody knows the job; it may well be running.
        """
        if ref.needs_no_job:
            return JobProgress("FINISHED", "SUCCEEDED", 0, ref.bytes, ref.files, 100.0, finished=True)
        try:
            app = self._manager.app(ref.application_id)
        except NoAnswer as error:
            raise TrackingLost(f"no resource manager answers for {ref.application_id}: {error}") from None
        if app is None:
            return self._forgotten(ref)
        done = 0
        if app.state == "RUNNING":
            try:
                counters = self._manager.counters(app)
                done = counters.written(ref.schemes[-1] if ref.schemes else "hdfs") + counters.copied("BYTESSKIPPED")
            except NoAnswer:
                done = 0  # the master is not up yet, or just gone
        elif app.final_status == "SUCCEEDED":
            done = ref.bytes or 0
        return JobProgress(
            app.state, app.final_status, done, ref.bytes, ref.files, app.progress, app.diagnostics, app.ended
        )

    def result(self, ref: JobRef, request: DistCpRequest, *, reason: str = "") -> TransferReport:
        """The report of a job that has ended, after the destination was compared with the source.

        :raises TrackingLost: if it has not ended, or nobody knows it.
        :raises DistCpFailed: if it failed or was killed, with the file and the cause; PathConflict for a type clash.
        :raises VerificationFailed: if something is missing or has another length.
        :raises Refused: if a mirror would delete too much.
        """
        progress = self.poll(ref)
        if not progress.finished:
            raise TrackingLost(f"{ref.application_id} has not ended: {progress.state}")
        if not progress.succeeded:
            killed = "KILLED" in (progress.state, progress.final_status)
            raise explain(self._diagnostics(ref, progress), job=ref.application_id, killed=killed)
        return report_of(ref, request, self._connections, self._history, reason)

    def kill(self, ref: JobRef) -> None:
        """Ends a job and sweeps what it leaves behind; harmless if it has ended or never was.

        :raises TrackingLost: if nobody can be told.
        """
        if ref.needs_no_job:
            return
        deadline = time.monotonic() + _SECONDS_TO_DIE
        try:
            while not self._manager.kill(ref.application_id) and time.monotonic() < deadline:
                time.sleep(0.2)
        except NoAnswer as error:
            raise TrackingLost(f"{ref.application_id} cannot be killed: {error}") from None
        if ref.destination:
            sweep(Address.parse(ref.destination), ref.job_id, self._connections)

    def _ref(
        self, app: App | str | None, request: DistCpRequest, prepared: Prepared | None, *, joined: bool = False
    ) -> JobRef:
        application_id = app.id if isinstance(app, App) else app or ""
        return JobRef(
            application_id,
            job_id(application_id),
            request.tag,
            started=app.started if isinstance(app, App) else prepared.started if prepared else time.time(),
            schemes=tuple(
                hadoop_uri(end, "/", self._connections, allow_local=self._allow_local).partition(":")[0]
                for end in (request.source, request.destination)
            ),
            destination=str(request.destination),
            files=prepared.files if prepared else None,
            bytes=prepared.bytes if prepared else None,
            maps=request.maps,
            joined=joined,
        )

    def _forgotten(self, ref: JobRef) -> JobProgress:
        """The end of a job that the resource manager no longer knows."""
        try:
            state = self._history.state(ref.job_id) if self._history else ""
        except NoAnswer:
            state = ""
        if not state:
            raise TrackingLost(f"neither the resource manager nor the JobHistory server knows {ref.application_id}")
        return JobProgress("FINISHED", state, ref.bytes or 0, ref.bytes, ref.files, 100.0, finished=True)

    def _diagnostics(self, ref: JobRef, progress: JobProgress) -> str:
        texts = [progress.diagnostics]
        try:
            texts += [self._history.diagnostics(ref.job_id)] if self._history else []
        except NoAnswer as error:
            texts.append(f"(the JobHistory server does not answer: {error})")
        return "\n".join(texts)
