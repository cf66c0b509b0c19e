"""Gives back what was leased by those who are gone: workers that died, runs that were cleared, failed or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import CANCELLED, DEAD, FAILED, IS_RUNNING, PENDING, lease, request

SECONDS_TO_LIVE = 60
"""Without a beat."""
GRACE = 15
"""Seconds after the last beat before a run's end is believed: a process outlives "marked failed" by some seconds."""
MOST_DEATHS = 3
"""Workers that died with a request, before a person must look at it."""
_MANY = 500


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What became of requests whose worker is gone."""

    pending: int = 0
    dead: int = 0
    cancelled: int = 0
    failed: int = 0
    """Of runs that were triggered in Airflow itself."""
    jobs: tuple[str, ...] = ()
    """DistCp jobs (connection and tag) of those that nobody will look for again: end them."""


def live_runs(ledger: Ledger) -> list[tuple[str, str]]:
    """(DAG, run) of all leases: ask Airflow which of them are over, and tell :func:`give_back`."""
    with ledger.look() as connection:
        return [
            (row.dag_id, row.run_id) for row in connection.execute(select(lease.c.dag_id, lease.c.run_id).distinct())
        ]


def give_back(ledger: Ledger, over: Collection[str] = ()) -> GivenBack:
    """Gives back what nobody works on any more.

    :param over: ids of runs that have ended or are gone.
    """
    beat = lease.c.beat_at
    gone: ColumnElement[bool] = and_(lease.c.handed.is_(False), beat < now_ms() - SECONDS_TO_LIVE * 1000)
    if over:
        gone = or_(gone, and_(lease.c.run_id.in_(sorted(over)), beat < now_ms() - GRACE * 1000))
    with ledger.begin() as connection:
        leases = list(connection.scalars(select(lease.c.lease).where(gone).with_for_update(skip_locked=True)))
        leases += connection.scalars(select(request.c.lease).distinct().where(IS_RUNNING, _unknown()))
        now = int(connection.scalar(select(now_ms())) or 0)
        states: Counter[str] = Counter()
        jobs: list[str] = []
        for at in range(0, len(leases), _MANY):
            part = leases[at : at + _MANY]
            rows = connection.execute(
                select(request).where(request.c.lease.in_(part), IS_RUNNING).with_for_update()
            ).all()
            changes = [_returned(row, now) for row in rows]
            if changes:
                connection.execute(_RETURN, changes)
            connection.execute(delete(lease).where(lease.c.lease.in_(part)))
            states.update(change["state"] for change in changes)
            jobs += [
                row.job for row, change in zip(rows, changes, strict=True) if row.job and change["state"] != PENDING
            ]
    return GivenBack(states[PENDING], states[DEAD], states[CANCELLED], states[FAILED], tuple(jobs))


def _unknown() -> ColumnElement[bool]:
    return ~select(lease.c.lease).where(lease.c.lease == request.c.lease).exists()


def _returned(row: Any, now: int) -> dict[str, Any]:
    """What becomes of a request whose worker is gone."""
    deaths, error = row.deaths + 1, row.error
    if row.cancelling:
        state = CANCELLED
    elif row.native:
        state, error = FAILED, "its run in Airflow ended without a word. Clear it there to try again"
    elif deaths >= MOST_DEATHS:
        state = DEAD
        error = f"{deaths} workers died while they had it. Look at their logs, then retry or cancel it"
    else:
        state = PENDING
    return {
        "of": row.id,
        "state": state,
        "deaths": deaths,
        "error": error,
        "ended_at": None if state == PENDING else now,
        # What is dead may still be written by a job of its own: nobody else may, until a person has looked.
        "writing": row.writing if state == DEAD else None,
    }


_RETURN = (
    update(request)
    .where(request.c.id == bindparam("of"))
    .values(
        {name: bindparam(name) for name in ("state", "deaths", "error", "ended_at", "writing")}
        | {"lease": None, "started_at": None}
    )
)
