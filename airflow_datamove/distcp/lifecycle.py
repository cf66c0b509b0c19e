"""A job's life on one cluster: :class:`DistCpJob`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from airflow_datamove.address import Address
from airflow_datamove.distcp.client import Client, unavailable
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.debris import sweep, sweep_staging
from airflow_datamove.distcp.failures import explain
from airflow_datamove.distcp.history import HistoryServer
from airflow_datamove.distcp.obstacle import is_plain
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.outcome import report_of
from airflow_datamove.distcp.prepare import Prepared, prepare
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.rest import NoAnswer, Rest
from airflow_datamove.distcp.ssh import SshLauncher
from airflow_datamove.distcp.submit import LocalLauncher
from airflow_datamove.distcp.uri import hadoop_uri
from airflow_datamove.distcp.yarn import App, ResourceManager, job_id
from airflow_datamove.errors import Cancelled, TrackingLost
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.stores.registry import open_store

_log = logging.getLogger(__name__)
_SECONDS_TO_DIE = 15.0
# Whoever waits for a job says within this time that it is there; see DistCpJob.lend.
HANDOVER_SECONDS = 30 * 60.0
LEASE_SECONDS = 6 * 3600.0


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
        access = self._cluster.access
        self._manager = ResourceManager(Rest(self._cluster.resource_managers, access))
        servers = self._cluster.history_servers
        self._history = HistoryServer(Rest(servers, access)) if servers else None

    @property
    def cluster(self) -> Cluster:
        """What the connection says."""
        return self._cluster

    @property
    def manager(self) -> ResourceManager:
        """The cluster's resource manager."""
        return self._manager

    @property
    def client(self) -> Client:
        """The cluster's client, here or on an edge node."""
        edge = self._cluster.ssh_conn_id
        launcher = SshLauncher(self._cluster, self._connections.get(edge)) if edge else LocalLauncher(self._cluster)
        return Client(launcher, self._manager, self._cluster.connection_id)

    def check(self) -> None:
        """Makes sure, within seconds, that there is a client, and a resource manager that answers.

        :raises ClusterUnavailable: if not.
        """
        self.client.check()

    def ping(self) -> None:
        """Makes sure that the resource manager answers: to join a job, and to wait for one, takes no client.

        :raises ClusterUnavailable: if not.
        """
        self.client.ping()

    def prepare(self, request: DistCpRequest) -> Prepared:
        """Lists the source and plans the job; see :func:`airflow_datamove.distcp.prepare.prepare`."""
        return prepare(
            request,
            self._connections,
            queue=self._cluster.queue,
            allow_local=self._allow_local,
            plain=self._plain,
        )

    def submit(
        self,
        request: DistCpRequest | Prepared,
        *,
        cancelled: threading.Event | None = None,
        anew: bool = False,
        earlier: JobRef | None = None,
    ) -> JobRef:
        """Submits a job, unless one of the same tag runs, or has ended well: that one is joined, whoever submitted it.

        It returns when the client has listed the source and YARN has taken the job, which is lent
        :data:`HANDOVER_SECONDS` as soon as the client names it: whoever waits for it has to renew that.

        :param cancelled: once it is set, the client is killed, and the job if there is one.
        :param anew: do not take the result of a job that has ended.
        :param earlier: the job of an earlier try, in case that YARN has forgotten it.
        :raises ClusterUnavailable: before anything was submitted.
        :raises DistCpFailed: if the client failed.
        :raises Cancelled: if that was asked for.
        """
        ref = self._joined_or_submitted(request, cancelled, anew, earlier)
        if ref.application_id and not ref.ended:
            self.lend(ref, HANDOVER_SECONDS)
        return ref

    def _joined_or_submitted(
        self, request: DistCpRequest | Prepared, cancelled: threading.Event | None, anew: bool, earlier: JobRef | None
    ) -> JobRef:
        asked = request.request if isinstance(request, Prepared) else request
        prepared = request if isinstance(request, Prepared) else None
        client = self.client
        known = client.known(asked.tag)
        disregarded = {app.id for app in known if app.ended} if anew else set()
        if there := _first(known, disregarded):
            return self._ref(there, asked, prepared, joined=True)
        if earlier is not None and not anew and self._ended_well(earlier):
            return replace(earlier, joined=True, ended=True)
        client.check()
        prepared = prepared or self.prepare(asked)
        try:
            return self._submit(client, prepared, disregarded, cancelled)
        finally:
            prepared.close()

    def _submit(
        self, client: Client, prepared: Prepared, disregarded: set[str], cancelled: threading.Event | None
    ) -> JobRef:
        asked = prepared.request
        prepared.make_directories(self._connections)
        if prepared.command is None:
            return self._ref(None, asked, prepared)
        # The listing may have taken long: an earlier try's client may have come to its end meanwhile.
        if there := _first(client.known(asked.tag), disregarded):
            return self._ref(there, asked, prepared, joined=True)
        application_id, joined = client.submit(
            prepared.command, asked.tag, cancelled, disregarded, lambda new: self._lend(new, HANDOVER_SECONDS)
        )
        ref = self._ref(application_id, asked, prepared, joined=joined)
        if cancelled is not None and cancelled.is_set():
            self.kill(ref)
            raise Cancelled(f"cancelled while {asked.source} was being submitted")
        return ref

    def _ended_well(self, ref: JobRef) -> bool:
        """Whether the JobHistory server says so of a job that YARN does not know."""
        try:
            return self._manager.app(ref.application_id) is None and self._forgotten(ref).succeeded
        except (NoAnswer, TrackingLost):
            return False

    def lend(self, ref: JobRef, seconds: float) -> bool:
        """Lets YARN end a job by then, unless this is called again: one of which nobody knows any more ends by itself.

        It is so if its task ended, or a person ended it, between the submission and the moment at which somebody waits
        for it, or while no triggerer ran at all.

        :return: false if YARN was not told: it is too old for it, or nobody answers. Harmless, if it is told later.
        """
        return self._lend(ref.application_id, seconds)

    def _lend(self, application_id: str, seconds: float) -> bool:
        try:
            self._manager.end_after(application_id, seconds)
        except NoAnswer as error:
            _log.info("YARN is not told when to end %s: %s", application_id, error)
            return False
        return True

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
        return self.progress(ref, app, self.bytes_done(ref, app) if app and app.state == "RUNNING" else 0)

    def progress(self, ref: JobRef, app: App | None, bytes_done: int) -> JobProgress:
        """How far a job is, from what the resource manager has told already.

        :param app: ``None`` if it does not know the job; then the JobHistory server is asked.
        :param bytes_done: of a job that runs.
        :raises TrackingLost: if that one does not know it either.
        """
        if app is None:
            return self._forgotten(ref)
        done = (ref.bytes or 0) if app.succeeded else bytes_done
        return JobProgress(
            app.state, app.final_status, done, ref.bytes, ref.files, app.progress, app.diagnostics, app.ended
        )

    def bytes_done(self, ref: JobRef, app: App) -> int:
        """Bytes that a running job has written so far or found to be there; 0 if its master does not tell."""
        try:
            counters = self._manager.counters(app)
        except NoAnswer:
            return 0  # the master is not up yet, or just gone
        return counters.written(ref.schemes[-1] if ref.schemes else "hdfs") + counters.copied("BYTESSKIPPED")

    def troubles(self, ref: JobRef, app: App) -> str:
        """What has failed so far in a running job, in one line; empty if nothing has."""
        try:
            texts = self._manager.troubles(app)
        except NoAnswer:
            return ""
        return explain("\n".join(texts), job=ref.application_id).message if texts else ""

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
        staging = self._staging(ref)
        try:
            while not self._manager.kill(ref.application_id) and time.monotonic() < deadline:
                time.sleep(0.2)
        except NoAnswer as error:
            raise TrackingLost(f"{ref.application_id} cannot be killed: {error}") from None
        if ref.destination:
            sweep(Address.parse(ref.destination), ref.job_id, self._connections)
        ends = [Address.parse(end) for end in (ref.source, ref.destination) if end]
        sweep_staging(staging, ends, self._connections)

    def cancel(
        self, application_id: str, tag: str, *, destination: Address | None = None
    ) -> tuple[list[App], list[App]]:
        """Ends what runs of a tag, or one application, whoever submitted it.

        :param destination: where its temporary files are swept; looked at before anything is ended.
        :return: those that were killed, as they were before that, and those that had ended already; neither, if the
            resource manager knows none.
        :raises ClusterUnavailable: if the resource manager does not answer.
        :raises TrackingLost: if it stops answering.
        :raises StoreError: if the destination's store cannot be reached.
        """
        if destination is not None:
            with open_store(destination, self._connections) as store:
                store.exists(destination.path)
        try:
            found = self._manager.tagged([tag]) if tag else [self._manager.app(application_id)]
        except NoAnswer as error:
            raise unavailable(self._cluster.connection_id, error) from None
        known = [app for app in found if app is not None]
        running = [app for app in known if not app.ended]
        for each in running:
            self.kill(JobRef(each.id, each.job_id, tag, destination=str(destination or "")))
        return running, [app for app in known if app.ended]

    def _staging(self, ref: JobRef) -> list[str]:
        """The job's own folders, which only its master names, and only while it runs."""
        try:
            app = self._manager.app(ref.application_id)
            return self._manager.folders(app) if app and app.state == "RUNNING" else []
        except NoAnswer:
            return []

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
            source=str(request.source),
            destination=str(request.destination),
            files=prepared.files if prepared else None,
            bytes=prepared.bytes if prepared else None,
            maps=request.maps,
            joined=joined,
            ended=isinstance(app, App) and app.ended,
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


def _first(known: Sequence[App], disregarded: Collection[str]) -> App | None:
    return next((app for app in known if app.id not in disregarded), None)
