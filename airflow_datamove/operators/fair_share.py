"""A copy's share of its link: :class:`FairShare` keeps its reservation in the ledger, and sets its throttle."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from airflow.sdk import conf

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import DROP, PERIOD, SETTLE, Reservation, Standing
from airflow_datamove.ledger.transfers import LedgerBoard, TaskOf
from airflow_datamove.ledger.url import default_url
from airflow_datamove.operators.demand import Demand
from airflow_datamove.quantity import format_rate
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.capacity import Capacity
from airflow_datamove.transfer.throttle import Throttle

LOOK_AHEAD = DROP + SETTLE + 0.15
"""Seconds before the capacity sinks at which all begin to make do with less: by then who cannot renew has dropped."""
_LEAST = 0.1
"""Of its slots' rate: what a transfer asks for at least, so that it can grow."""
_SECONDS_TO_END = 2.0

_log = logging.getLogger(__name__)


class FairShare:
    """While it is entered, a throttle's rate is the transfer's share of the link. Without a ledger that all have in
    common it is the rate of its slots, as it is where the link's ``shares`` are off.

    :param throttle: whose bytes pass the link.
    :param slots: how many the task holds.
    :param ledger: opens it.
    """

    def __init__(
        self,
        throttle: Throttle,
        limits: Limits,
        lane: str,
        slots: int,
        task: TaskOf,
        ledger: Callable[[], Ledger] | None = None,
    ) -> None:
        self._throttle, self._limits, self._lane, self._task = throttle, limits, lane, task
        self._static = slots * limits.slot_rate
        self._open = ledger or everyones_ledger
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="share", daemon=True)
        self._demand: Demand | None = None
        self.reservation: Reservation | None = None
        """What is reserved; ``None`` where nothing is."""

    def __enter__(self) -> Self:
        self._throttle.rate = self._static
        if self._limits.capacity:
            try:
                ledger = self._open()
            except NotEveryones as error:
                _log.warning("%s: the copy has the rate of its slots, %s", error, format_rate(self._static))
                return self
            except Exception as error:  # whatever keeps us from the ledger must not keep the copy from its bytes
                _log.warning("The ledger cannot be opened, so the copy has its part of the headroom: %s", error)
                ledger = None
            self._share(ledger)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_SECONDS_TO_END)

    def _share(self, ledger: Ledger | None) -> None:
        capacity = Capacity.parse(self._limits.capacity)
        self._demand = Demand(capacity.largest, int(self._static * _LEAST), time.monotonic())
        limits = self._limits
        self.reservation = Reservation(
            _Late(ledger, self._open, self._task),
            limits.link,
            Standing(
                self._task.copy_id(), limits.tenant, self._lane, limits.share, self._static, capacity.largest, 0, 0
            ),
            lambda now: capacity.least(now, LOOK_AHEAD),
            self._use,
        )
        self._thread.start()

    def _use(self, steps: list[tuple[float, int]]) -> None:
        assert self._demand is not None
        self._demand.planned(steps)
        self._throttle.plan(steps)

    def _run(self) -> None:
        assert self.reservation is not None
        assert self._demand is not None
        pause, away = 0.0, False
        while not self._stopped.wait(pause):
            try:
                demand = self._demand.measure(time.monotonic(), self._throttle.passed)
                pause = self.reservation.renew(demand)
            except Exception as error:  # the plan makes do without us; the next second may be better
                if not away:
                    _log.warning("No share is reserved; the copy falls back to the rate of its slots: %s", error)
                pause, away = PERIOD, True
                continue
            if away:
                _log.info("The ledger is back: the copy has its share of the link again")
            away = False
            if self.reservation.superseded:
                _log.warning("Another try of this task copies now; this one is left with next to nothing")
                return
        try:
            self.reservation.end()
        except LedgerUnavailable as error:
            _log.warning("The end of the transfer could not be told; the DAG that keeps the ledger will: %s", error)


class NotEveryones(Exception):
    """The ledger is a file of this machine, and others have their own."""


def everyones_ledger() -> Ledger:
    """The ledger, if all that copy have the same.

    :raises NotEveryones: if no connection is declared while tasks run on other machines too: each would share out the
        whole link.
    """
    ledger = LedgerHook().get_conn()
    executor = conf.get("core", "executor", fallback="LocalExecutor")
    # A task's pod is told that its executor is the LocalExecutor, whoever made the pod.
    elsewhere = executor.strip().rpartition(".")[2] != "LocalExecutor" or "KUBERNETES_SERVICE_HOST" in os.environ
    if elsewhere and ledger.engine.url == default_url():
        raise NotEveryones(
            f"no connection {LedgerHook.default_conn_name} is declared, and where tasks run on several machines or in "
            "pods each would have a ledger of its own"
        )
    return ledger


class _Late:
    """A board whose ledger may be opened only when it answers."""

    def __init__(self, ledger: Ledger | None, opened: Callable[[], Ledger], task: TaskOf) -> None:
        self._opened, self._task = opened, task
        self._board = LedgerBoard(ledger, task) if ledger else None

    def turn(self, link: str) -> Any:
        if self._board is None:
            self._board = LedgerBoard(self._opened(), self._task)
        return self._board.turn(link)

    def remove(self, link: str, id: str, holder: str) -> None:
        if self._board is not None:
            self._board.remove(link, id, holder)
