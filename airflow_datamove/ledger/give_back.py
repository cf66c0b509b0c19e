"""Gives back what was leased by those who are gone: workers that died, runs that were cleared, failed or deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, delete, or_, select, update

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import PENDING_AGAIN
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
        total = GivenBack()
        for at in range(0, len(leases), _MANY):
            total = _of(connection, leases[at : at + _MANY], total)
        return total


def _unknown() -> ColumnElement[bool]:
    return ~select(lease.c.lease).where(lease.c.lease == request.c.lease).exists()


def _of(connection: Connection, leases: list[str], so_far: GivenBack) -> GivenBack:
    held = and_(request.c.lease.in_(leases), IS_RUNNING)
    deaths = request.c.deaths + 1
    over = or_(deaths >= MOST_DEATHS, request.c.cancelling.is_(True), request.c.native.is_(True))
    # MariaDB computes from left to right with what it has just set: the deaths come last.
    state = case(
        (request.c.cancelling.is_(True), CANCELLED),
        (request.c.native.is_(True), FAILED),
        (deaths >= MOST_DEATHS, DEAD),
        else_=PENDING,
    )
    before = connection.execute(
        select(state.label("state")).where(held).with_for_update()
    ).scalars().all()  # fmt: skip
    connection.execute(
        update(request)
        .where(held)
        .ordered_values(
            (request.c.state, state),
            (
                request.c.error,
                case((request.c.native.is_(True), _GONE), (deaths >= MOST_DEATHS, _DEAD), else_=request.c.error),
            ),
            (
                request.c.ended_at,
                case((over, now_ms()), else_=None),
            ),
            (request.c.deaths, deaths),
            *((request.c[name], value) for name, value in PENDING_AGAIN.items() if name != "state"),
        )
    )
    connection.execute(delete(lease).where(lease.c.lease.in_(leases)))
    return GivenBack(
        pending=so_far.pending + before.count(PENDING),
        dead=so_far.dead + before.count(DEAD),
        cancelled=so_far.cancelled + before.count(CANCELLED),
    )


_GONE = "its run in Airflow ended without a word; clear it there to try again"
_DEAD = f"{MOST_DEATHS} workers died while they had it. Look at their logs, then retry or cancel it"
