"""From a planned command to a running application: found by its tag, submitted, and never doubled."""

from __future__ import annotations

import logging
import threading
import time

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.failures import explain
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.distcp.submit import run_client
from airflow_datamove.distcp.yarn import App, ResourceManager
from airflow_datamove.errors import Cancelled, ClusterUnavailable, DatamoveError, TrackingLost

_log = logging.getLogger(__name__)
_SECONDS_TO_APPEAR = 5.0
# The client may have been killed between YARN's yes and the line that tells of it.
_SECONDS_AFTER_A_CANCEL = 1.5


class Client:
    """The client of a cluster, beside the resource manager that knows what came of it."""

    def __init__(self, cluster: Cluster, manager: ResourceManager) -> None:
        self._cluster, self._manager = cluster, manager

    def check(self) -> None:
        """See :meth:`airflow_datamove.distcp.job.DistCpJob.check`."""
        self._cluster.check_client()
        try:
            self._manager.ping()
        except NoAnswer as error:
            raise self._unavailable(error) from None

    def running(self, tag: str) -> App | None:
        """The oldest job of a tag that has not ended.

        :raises ClusterUnavailable: if the resource manager does not answer.
        """
        try:
            return next(iter(self._manager.active(tag)), None)
        except NoAnswer as error:
            raise self._unavailable(error) from None

    def submit(self, command: Command, tag: str, cancelled: threading.Event | None) -> tuple[str, bool]:
        """Runs the client.

        Whatever else is raised on the way, such as a task's time-out, ends the jobs of the tag: nobody would know of
        them any more.

        :return: the application's id, and whether an earlier try's client had been quicker with a job of its own,
            which then is the one that goes on.
        :raises DistCpFailed: if the client failed (see :mod:`airflow_datamove.distcp.failures`).
        :raises Cancelled: if that was asked for and no job exists.
        :raises TrackingLost: if nobody can say whether a job exists.
        """
        try:
            return self._submit(command, tag, cancelled)
        except DatamoveError:
            raise
        except BaseException:
            self._kill_all(tag)
            raise

    def _submit(self, command: Command, tag: str, cancelled: threading.Event | None) -> tuple[str, bool]:
        outcome = run_client(self._cluster, command, cancelled=cancelled)
        stopped = cancelled is not None and cancelled.is_set()
        expected = stopped or outcome.code == 0
        deadline = time.monotonic() + (_SECONDS_AFTER_A_CANCEL if stopped else _SECONDS_TO_APPEAR)
        found = self._look(tag)
        mine = outcome.application_id
        while not mine and not found and time.monotonic() < deadline and expected:
            time.sleep(0.3)
            found = self._look(tag)
        mine = mine or (found[-1].id if found else "")
        if not mine:
            if expected and found is None:
                raise TrackingLost(f"no resource manager says whether the client has submitted a job of tag {tag}")
            if stopped:
                raise Cancelled("cancelled while the client listed the source")
            raise explain(outcome.output, job=f"client (exit {outcome.code})")
        if found and found[0].id != mine and any(app.id == mine for app in found):
            try:
                self._manager.kill(mine)
            except NoAnswer as error:
                raise TrackingLost(f"{mine} runs beside {found[0].id}, and cannot be killed: {error}") from None
            return found[0].id, True
        return mine, False

    def _kill_all(self, tag: str) -> None:
        deadline = time.monotonic() + _SECONDS_AFTER_A_CANCEL
        try:
            while not (found := self._manager.active(tag)) and time.monotonic() < deadline:
                time.sleep(0.3)
            for app in found:
                self._manager.kill(app.id)
        except NoAnswer as error:
            _log.warning("Whether a job of tag %s runs cannot be found out, so it was not killed: %s", tag, error)

    def _look(self, tag: str) -> list[App] | None:
        """The jobs of a tag; ``None`` if that cannot be found out."""
        try:
            return self._manager.active(tag)
        except NoAnswer:
            return None

    def _unavailable(self, error: NoAnswer) -> ClusterUnavailable:
        return ClusterUnavailable(
            f"no Hadoop cluster answers for connection {self._cluster.connection_id!r}: {error}",
            remedy="Start the resource manager, or correct the connection's resource_manager",
        )
