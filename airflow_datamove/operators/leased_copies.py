"""A run that takes its requests from the ledger: :class:`LeasedCopies`.

It takes the best pending requests of its tenant's lane in bites of a few seconds' work, several at a time, until its
time is over; tells of each by itself; and hands large ones over to DistCp. What it cannot finish goes back into the
queue.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_datamove.errors import Cancelled, CopyFailed, DatamoveError, LedgerUnavailable
from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.lease import Ended, Lease, Leased
from airflow_datamove.ledger.runs import ask_for_run, begun, others_wait, wait_again
from airflow_datamove.ledger.tables import CANCELLED, DONE, FAILED, HANDLED
from airflow_datamove.operators.fair_share import FairShare
from airflow_datamove.operators.lease_keeper import LeaseKeeper
from airflow_datamove.operators.leave_report import REPORT_KEY
from airflow_datamove.operators.routed_copy import RoutedCopy
from airflow_datamove.operators.tag import task_of
from airflow_datamove.operators.wake import make_run
from airflow_datamove.report import TransferReport
from airflow_datamove.scheduling.admission import admit
from airflow_datamove.scheduling.leased_runs import is_from_ledger, lane_dag
from airflow_datamove.spec.request import read_request
from airflow_datamove.stores.shared import RememberedConnections, SharedStores
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.progress import Progress
from airflow_datamove.transfer.throttle import Throttle

if TYPE_CHECKING:
    from airflow_datamove.operators.copy import SizeRoutedCopyOperator

__all__ = ["LeasedCopies", "is_from_ledger"]

BUDGET = 60.0
"""Seconds after which a run takes nothing more, so that what is more urgent never waits long for its slot."""
BITE = 5.0
"""Seconds of work that are taken at a time: whatever comes later, and is more urgent, waits no longer."""
AT_ONCE = 8
"""Requests that are worked on at a time, over one rate."""
LARGEST_BITE = 500
LINGER = 10.0
"""Seconds that a run of the urgent lane waits for the next request: to start a run takes a second, to look 5 ms."""
_LOOK = 0.2
_TELL = 0.5
"""Seconds, at most, until the ledger is told of what has ended."""
_CALL_NEXT = 2.0
"""Seconds of work after which a run that leaves requests behind calls another."""
_LEDGER_AWAY = 900.0
"""Seconds for which the end of requests is told again and again to a ledger that does not answer."""

_BULK_NICENESS = 10
"""On a busy worker what is urgent gets the processor first. A task has a process of its own."""

_log = logging.getLogger(__name__)


@dataclass
class _Work:
    """A request that is being worked on."""

    leased: Leased
    cancelled: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    handed: dict[str, Any] | None = None


class LeasedCopies:
    """The requests of one try of a leased run.

    :param operator: the task, whose limits, lane and rate they keep to.
    """

    def __init__(self, operator: SizeRoutedCopyOperator, context: Context) -> None:
        assert operator.limits is not None
        ti = context["ti"]
        self._operator, self._context = operator, context
        self._tenant, self._lane = operator.limits.tenant, operator.lane
        self._ledger = LedgerHook().get_conn()
        self._run_id = str(ti.run_id)
        self._lease = Lease(self._ledger, ti.dag_id, self._run_id, "copy", ti.try_number)
        slots = operator.limits.clamp_slots(1, distcp=False, lane=self._lane)
        self._throttle = Throttle(slots * operator.limits.slot_rate)
        self._share = FairShare(self._throttle, operator.limits, self._lane, slots, task_of(context))
        self._works: dict[str, _Work] = {}
        self._handed: list[dict[str, Any]] = []
        self._counts: dict[str, int] = {}
        self._bytes = 0

    def work(self) -> list[dict[str, Any]]:
        """Works until there is nothing left, or the time is over.

        :return: what a mapped DistCpOperator gets: the large ones.
        :raises Cancelled: if someone ended the task; what was not finished is in the queue again.
        """
        if self._lane == "bulk":
            os.nice(_BULK_NICENESS)
        self._lease.begin()
        begun(self._ledger, self._run_id)
        for leased in self._lease.handed():  # an earlier try died before it could pass them on
            self._handed.append(_handed_over(leased, "an earlier try found it large enough for DistCp"))
        try:
            with ExitStack() as stack:
                stores = stack.enter_context(SharedStores())
                shared = {"connections": RememberedConnections(AirflowConnections()), "opened": stores.open}
                keeper = stack.enter_context(LeaseKeeper(self._lease, self._ours, self._end_early))
                stack.enter_context(self._share)  # before the crew: it ends when no byte passes any more
                crew = stack.enter_context(ThreadPoolExecutor(AT_ONCE, thread_name_prefix="request"))
                stack.callback(self._stop_all)
                self._loop(self._operator.routed(**shared), crew, keeper)
        finally:
            _telling(self._lease.give_back)
        if self._operator.cancelled.is_set():
            raise Cancelled("cancelled; what was not finished is in the queue again")
        self._call_next()
        self._leave_summary()
        return self._handed

    def _loop(self, copies: RoutedCopy, crew: ThreadPoolExecutor, keeper: LeaseKeeper) -> None:
        started = time.monotonic()
        waiting = self._lease.held()
        running: dict[Future[Ended | None], _Work] = {}
        finished: list[Ended] = []
        told = called = started
        done, lingering, idle_since = 0, False, None
        while not (self._operator.cancelled.is_set() or keeper.lost):
            now = time.monotonic()
            over = now - started > BUDGET or bool(self._handed)
            if over and waiting:
                self._put_back(waiting)
                waiting = []
            if not over and len(waiting) + len(running) < AT_ONCE:
                pace = done / (now - started) if done else AT_ONCE / BITE
                waiting += self._take(max(AT_ONCE - len(running), min(LARGEST_BITE, int(pace * BITE))))
            while waiting and len(running) < AT_ONCE:
                work = _Work(waiting.pop(0))
                self._works[work.leased.id] = work
                running[crew.submit(self._one, copies, work)] = work
            if not running:
                if finished:
                    self._tell(finished)
                    finished, told = [], now
                if over or self._lane != "urgent" or (idle_since and now - idle_since > LINGER):
                    break
                if not lingering and not (
                    lingering := wait_again(self._ledger, self._tenant, self._lane, self._run_id)
                ):
                    break
                idle_since = idle_since or now
                if others_wait(self._ledger, self._lane):
                    break
                self._operator.cancelled.wait(_LOOK)
                continue
            idle_since = None
            ended, _ = wait(running, timeout=_TELL, return_when=FIRST_COMPLETED)
            for future in ended:
                work = running.pop(future)
                if (result := future.result()) is not None:
                    finished.append(result)
                    done += 1
            now = time.monotonic()
            if finished and (now - told > _TELL or len(finished) >= LARGEST_BITE):
                self._tell(finished)
                finished, told = [], now
            if now - called > _CALL_NEXT:
                self._call_next()
                called = now
        if finished:
            self._tell(finished)
        if lingering:
            begun(self._ledger, self._run_id)  # whoever submits from now on asks for another run

    def _take(self, most: int) -> list[Leased]:
        try:
            return self._lease.take(self._tenant, self._lane, most)
        except LedgerUnavailable as error:
            _log.warning("%s", error)
            self._operator.cancelled.wait(_TELL)
            return []

    def _one(self, copies: RoutedCopy, work: _Work) -> Ended | None:
        """Copies one request. ``None``: it was handed over."""
        leased = work.leased
        try:
            return self._copied(copies, work)
        except Cancelled as error:
            if self._operator.cancelled.is_set():
                return None  # the run was ended, not the request
            return Ended(leased.id, CANCELLED, _report_of(error), str(error))
        except CopyFailed as error:
            return Ended(leased.id, FAILED, _report_of(error), str(error), error.retryable)
        except DatamoveError as error:
            return Ended(leased.id, FAILED, {}, str(error), error.retryable)
        except Exception as error:  # one request's surprise must not end the others
            _log.exception("Request %s", leased.id)
            return Ended(leased.id, FAILED, {}, f"{type(error).__name__}: {error}", True)

    def _copied(self, copies: RoutedCopy, work: _Work) -> Ended | None:
        request = read_request(work.leased.conf)
        assert self._operator.limits is not None
        admit(request, self._operator.limits, lane=self._lane)
        decision = copies.measured(request)
        if decision is not None and decision.route is Route.DISTCP:
            if self._lease.hand_over(work.leased.id):
                self._handed.append(_handed_over(work.leased, decision.reason))
            return None

        def show(progress: Progress) -> None:
            work.progress = progress

        report = copies.copy(request, decision, self._throttle, progress=show, cancelled=work.cancelled)
        report.attempts = work.leased.tries
        return Ended(work.leased.id, HANDLED if report.failed else DONE, report.to_dict())

    def _tell(self, finished: Iterable[Ended]) -> None:
        """Tells the ledger; while it does not answer, again and again: what was copied must not be copied twice."""
        results = list(finished)
        lost = _telling(lambda: self._lease.finish(results))
        if lost is None:
            raise LedgerUnavailable(f"the end of {len(results)} requests could not be told; a retry finds them copied")
        for each in results:
            self._works.pop(each.id, None)
            if each.id in lost:
                _log.warning("Request %s was no longer ours when it ended", each.id)
                continue
            self._counts[each.state] = self._counts.get(each.state, 0) + 1
            self._bytes += int(each.report.get("bytes", 0))
            if each.state == FAILED:
                _log.warning("Request %s failed: %s", each.id, each.error)

    def _put_back(self, waiting: list[Leased]) -> None:
        try:
            self._lease.put_back([each.id for each in waiting])
        except LedgerUnavailable as error:
            _log.warning("%s", error)  # the end of the lease gives them back

    def _ours(self) -> dict[str, dict[str, Any] | None]:
        works = list(self._works.items())
        return {id: work.progress.to_dict() if work.progress else None for id, work in works}

    def _end_early(self, ids: Iterable[str]) -> None:
        """Somebody wants these cancelled, or has them already."""
        for id in ids:
            if (work := self._works.get(id)) is not None:
                work.cancelled.set()

    def _stop_all(self) -> None:
        for work in list(self._works.values()):
            work.cancelled.set()

    def _call_next(self) -> None:
        """If requests are left behind and no run waits for its turn, calls one."""
        try:
            asked = ask_for_run(self._ledger, self._tenant, self._lane)
            if asked is not None and not make_run(lane_dag(self._tenant, self._lane), asked.run_id):
                begun(self._ledger, asked.run_id)
        except LedgerUnavailable as error:
            _log.warning("%s", error)

    def _leave_summary(self) -> None:
        summary = {"requests": self._counts, "handed_over": len(self._handed), "bytes": self._bytes}
        _log.info("%s", summary)
        self._context["ti"].xcom_push(key=REPORT_KEY, value=summary)


def _handed_over(leased: Leased, reason: str) -> dict[str, Any]:
    return {
        "request": dict(leased.conf),
        "reason": reason,
        "ledger_id": leased.id,
        "generation": leased.generation,
    }


def _report_of(error: CopyFailed | Cancelled) -> dict[str, Any]:
    return error.report.to_dict() if isinstance(error.report, TransferReport) else {}


def _telling(tell: Callable[[], Any]) -> Any:
    """Calls until the ledger answers; ``None`` if it does not for :data:`_LEDGER_AWAY` seconds."""
    deadline = time.monotonic() + _LEDGER_AWAY
    pause = 0.5
    while True:
        try:
            return tell()
        except LedgerUnavailable as error:
            if time.monotonic() > deadline:
                return None
            _log.warning("%s", error)
            time.sleep(pause)
            pause = min(2 * pause, 10.0)
