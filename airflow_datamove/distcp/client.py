"""From a planned command to a running application: found by its tag, submitted, and never doubled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from airflow_datamove.distcp.failures import explain
from airflow_datamove.distcp.launcher import Launcher
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.distcp.yarn import App, ResourceManager
from airflow_datamove.errors import Cancelled, ClusterUnavailable, DatamoveError, TrackingLost

_log = logging.getLogger(__name__)
_SECONDS_TO_APPEAR = 5.0
# The client may have been killed between YARN's yes and the line that tells of it.
_SECONDS_AFTER_A_CANCEL = 1.5


class Client:
    """A cluster's client, beside the resource manager that knows what came of it.

    :param cluster: what an error calls the cluster: its connection's id.
    """

    def __init__(self, launcher: Launcher, manager: ResourceManager, cluster: str) -> None:
        self._launcher, self._manager, self._cluster = launcher, manager, cluster

    def check(self) -> None:
        """See :meth:`airflow_datamove.distcp.job.DistCpJob.check`."""
        self._launcher.check()
        self.ping()

    def ping(self) -> None:
        """See :meth:`airflow_datamove.distcp.job.DistCpJob.ping`."""
        try:
            self._manager.ping()
        except NoAnswer as error:
            raise unavailable(self._cluster, error) from None

    def known(self, tag: str) -> list[App]:
        """The jobs of a tag that count: those that run, oldest first; then those that ended well, the last one first.
        One that failed or was killed is as good as none.

        :raises ClusterUnavailable: if the resource manager does not answer.
        """
        try:
            apps = self._manager.tagged([tag])
        except NoAnswer as error:
            raise unavailable(self._cluster, error) from None
        return [app for app in apps if not app.ended] + [app for app in reversed(apps) if app.succeeded]

    def submit(
        self,
        command: Command,
        tag: str,
        cancelled: threading.Event | None,
        disregarded: Collection[str] = (),
        submitted: Callable[[str], object] | None = None,
    ) -> tuple[str, bool]:
        """Runs the client.

        Whatever else is raised on the way, such as a task's time-out, ends the jobs of the tag: nobody would know of
        them any more.

        :param disregarded: applications of the tag that ended, and whose result will not do.
        :param submitted: see :meth:`Launcher.run`.
        :return: the application's id, and whether an earlier try's client had been quicker with a job of its own,
            which then is the one that counts.
        :raises DistCpFailed: if the client failed (see :mod:`airflow_datamove.distcp.failures`).
        :raises Cancelled: if that was asked for and no job exists.
        :raises TrackingLost: if nobody can say whether a job exists.
        """
        try:
            return self._submit(command, tag, cancelled, disregarded, submitted)
        except DatamoveError:
            raise
        except BaseException:
            self._kill_all(tag)
            raise

    def _submit(
        self,
        command: Command,
        tag: str,
        cancelled: threading.Event | None,
        disregarded: Collection[str],
        submitted: Callable[[str], object] | None,
    ) -> tuple[str, bool]:
        outcome = self._launcher.run(command, cancelled=cancelled, submitted=submitted)
        if outcome.joined:
            return outcome.joined, True
        stopped = cancelled is not None and cancelled.is_set()
        expected = stopped or outcome.code in (0, None)
        deadline = time.monotonic() + (_SECONDS_AFTER_A_CANCEL if stopped else _SECONDS_TO_APPEAR)
        found = self._look(tag, disregarded)
        mine = outcome.application_id
        while not mine and not found and time.monotonic() < deadline and expected:
            time.sleep(0.3)
            found = self._look(tag, disregarded)
        mine = mine or (found[-1].id if found else "")
        if not mine:
            if expected and found is None:
                raise TrackingLost(f"no resource manager says whether the client has submitted a job of tag {tag}")
            if stopped:
                raise Cancelled("cancelled while the client listed the source")
            if outcome.code is None:
                raise TrackingLost(f"the client broke off before it had submitted a job of tag {tag}")
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

    def _look(self, tag: str, disregarded: Collection[str]) -> list[App] | None:
        """The jobs of a tag that run or ended well, oldest first; ``None`` if that cannot be found out."""
        try:
            apps = self._manager.tagged([tag])
        except NoAnswer:
            return None
        return [app for app in apps if not app.ended or (app.succeeded and app.id not in disregarded)]


def unavailable(cluster: str, error: NoAnswer) -> ClusterUnavailable:
    """What a person is told of a resource manager that does not answer.

    :param cluster: its connection's id.
    """
    return ClusterUnavailable(
        f"no Hadoop cluster answers for connection {cluster!r}: {error}",
        remedy="Start the resource manager, or correct the connection's resource_manager",
    )
