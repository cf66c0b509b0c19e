"""A DistCp job's part of its link, what there is at its start: the job cannot change it later. :func:`reserve_job`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from airflow_datamove.errors import Cancelled, LedgerUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import HEADROOM, PERIOD, Reservation, Standing
from airflow_datamove.ledger.transfers import LedgerBoard, TaskOf, adopt, remove
from airflow_datamove.operators.fair_share import LOOK_AHEAD, NotEveryones, everyones_ledger
from airflow_datamove.quantity import format_rate
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.capacity import Capacity

ROOM_COMES = 5.0
"""Seconds in which those that run make room for one that comes."""
LITTLE = 0.25
"""Of its slots' rate: a job that would get less waits, because it would be slow to its end."""
PATIENCE = 60.0
"""Seconds for which it waits for more, and for the ledger."""

_log = logging.getLogger(__name__)


def reserve_job(
    limits: Limits,
    lane: str,
    slots: int,
    task: TaskOf,
    cancelled: threading.Event,
    *,
    request: str = "",
    runs: bool = False,
    ledger: Callable[[], Ledger] = everyones_ledger,
) -> int:
    """Reserves a job's rate, at most that of its slots. A try before may have done it: then that holds.

    :param request: the request in the ledger, if it has one.
    :param runs: a job of the task was submitted already; nothing is waited for then.
    :return: bytes/s. Where the link is not shared, the rate of the slots.
    :raises LedgerUnavailable: if the ledger does not answer: a job that begins without a reservation could not be
        slowed down for those who have one.
    :raises Cancelled: if ``cancelled`` is set while it waits.
    """
    static = slots * limits.slot_rate
    if not limits.capacity:
        return static
    deadline = time.monotonic() + (0.0 if runs else PATIENCE)
    while True:
        try:
            return _reserved(ledger(), limits, lane, static, task, request, cancelled)
        except NotEveryones as error:
            _log.warning("%s: the job has the rate of its slots", error)
            return static
        except LedgerUnavailable as error:
            if runs:
                return max(1, int(static * HEADROOM))  # the job keeps what it was given; a new one must not take more
            if time.monotonic() > deadline:
                raise
            _log.warning("The job waits for its part of the link: %s", error)
        if cancelled.wait(PERIOD):
            raise Cancelled("cancelled before a job was submitted")


def _reserved(
    ledger: Ledger, limits: Limits, lane: str, static: int, task: TaskOf, request: str, cancelled: threading.Event
) -> int:
    id = task.job_id(request)
    if (given := adopt(ledger, id, task)) is not None:
        return given
    capacity = Capacity.parse(limits.capacity)
    reservation = Reservation(
        LedgerBoard(ledger, task),
        limits.link,
        Standing(id, limits.tenant, lane, limits.share, static, static, 0, 0),
        lambda now: capacity.least(now, LOOK_AHEAD),
        lambda steps: None,
    )
    began = time.monotonic()
    try:
        while True:
            pause = reservation.renew()
            rate, waited = reservation.steps.at(time.monotonic()), time.monotonic() - began
            if rate >= static or (waited > ROOM_COMES and rate >= LITTLE * static) or waited > PATIENCE:
                break
            if cancelled.wait(pause):
                raise Cancelled("cancelled before a job was submitted")
        given = reservation.fix()
    except BaseException:
        with suppress(LedgerUnavailable):
            reservation.end()
        raise
    _log.info("Of %s that its slots stand for the job gets %s", format_rate(static), format_rate(given))
    return given


def job_is_over(limits: Limits, id: str, ledger: Callable[[], Ledger] = everyones_ledger) -> None:
    """Gives back what a job had; what cannot be given back now, the DAG that keeps the ledger does."""
    if not limits.capacity:
        return
    try:
        remove(ledger(), [id])
    except Exception as error:  # the job has ended, and that counts
        _log.warning("The job's part of the link could not be given back: %s", error)
