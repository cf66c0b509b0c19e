"""A task's hold on one request, its run's own or one that was handed over to it: :class:`LeasedJob`.

No missing heartbeat gives it back: Airflow tries the task again when its worker dies, and a DistCp job lives on YARN.
Only the end of the run does, and whoever takes the request then finds the job by the same tag.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from airflow_datamove.errors import Cancelled, DatamoveError, LeaseLost, LedgerUnavailable, TrackingLost
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.lease import Ended, Lease
from airflow_datamove.ledger.tables import CANCELLED, DONE, FAILED, HANDLED
from airflow_datamove.operators.lease_keeper import LeaseKeeper

_log = logging.getLogger(__name__)


class LeasedJob:
    """The request, if the task has one from the ledger.

    :param id: its id; empty: the task works for itself.
    :param cancel: ends the work of this process.
    :param job: connection and tag of its DistCp job, if it has one.
    """

    def __init__(self, context: Context, id: str, cancel: Callable[[], None], *, job: str | None = None) -> None:
        self._id, self._cancel, self._job = id, cancel, job
        if id:
            ti = context["ti"]
            self._last_try = ti.try_number > ti.max_tries
            task = f"{ti.task_id}/{ti.map_index}"
            self._lease = Lease(LedgerHook().get_conn(), ti.dag_id, ti.run_id, task, ti.try_number)

    def work(self, do: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """Does the work, and tells the ledger how it ended.

        :param do: gives the report; ``None``: the request goes to another task of the run.
        :raises AirflowSkipException: if the request is no longer the run's.
        :raises LeaseLost: if it was taken away while it was worked on.
        """
        if not self._id:
            return do()
        if not self._lease.adopt(self._id, waits=True, job=self._job):
            raise AirflowSkipException(f"request {self._id} is no longer this run's")
        try:
            with LeaseKeeper(self._lease, lambda: {self._id: None}, self._end):
                report = do()
        except Cancelled as error:
            self._tell_cancelled(str(error))
            raise
        except TrackingLost:
            raise  # its job may well be running: whoever has the request next finds it by its tag
        except DatamoveError as error:
            if not error.retryable or self._last_try:
                self._tell(Ended(self._id, FAILED, {}, str(error)))
            raise
        if report is None:
            self._lease.hand_over(self._id)
            return None
        self._tell(Ended(self._id, HANDLED if report.get("failed") else DONE, report))
        return report

    def _end(self, ids: Iterable[str]) -> None:
        if self._id in set(ids):
            self._cancel()

    def _tell_cancelled(self, why: str) -> None:
        """If somebody wanted that, it is the request's end; if the request is not ours any more, it is not."""
        try:
            beat = self._lease.beat()
        except LedgerUnavailable:
            return
        if self._id not in beat.held:
            raise LeaseLost(f"request {self._id} was taken away while it was worked on")
        if self._id in beat.cancelling:
            self.cancelled(why)

    def cancelled(self, why: str) -> None:
        """The request was cancelled, as somebody wanted.

        :raises AirflowSkipException: always: the task has nothing more to do, and nothing went wrong.
        """
        self._tell(Ended(self._id, CANCELLED, {}, why))
        raise AirflowSkipException(f"request {self._id} was cancelled")

    def _tell(self, ended: Ended) -> None:
        if self._lease.finish([ended]):
            _log.warning("Request %s was no longer ours when it ended", self._id)
