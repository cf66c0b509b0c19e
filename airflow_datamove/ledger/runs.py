"""Sees to it that runs come for what is pending.

Who puts requests in asks :func:`ask_for_run`, and so does each run that leaves some behind. Which runs were asked for
and have not begun stands here: Airflow's own states do not tell a run that waits for its pool from one that works.
"""

from __future__ import annotations

from dataclasses import dataclass

import uuid6
from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select
from sqlalchemy.exc import IntegrityError

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import IS_PENDING, lane, request, run

STALE = 120
"""Seconds after which a run that was asked for and has not begun is looked for in Airflow."""


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run to be made in Airflow, under this very id, so that to make it twice makes it once."""

    tenant: str
    lane: str
    run_id: str


def ask_for_run(ledger: Ledger, tenant: str, lane_: str, *, waiting: int = 1) -> AskedRun | None:
    """A run to make, if requests of the lane are pending and fewer than ``waiting`` runs wait already.

    However many ask at once, one is told to make it.
    """
    with ledger.begin() as connection:
        _lock(connection, tenant, lane_)
        if connection.scalar(select(literal(1)).where(_pending(tenant, lane_)).limit(1)) is None:
            return None
        count = connection.scalar(select(func.count()).where(run.c.tenant == tenant, run.c.lane == lane_))
        if (count or 0) >= waiting:
            return None
        asked = AskedRun(tenant, lane_, f"leased__{uuid6.uuid7()}")
        connection.execute(insert(run).values(run_id=asked.run_id, tenant=tenant, lane=lane_, asked_at=now_ms()))
        return asked


def begun(ledger: Ledger, run_id: str) -> None:
    """A run has begun to lease, or is gone: it does not wait any more."""
    with ledger.begin() as connection:
        connection.execute(delete(run).where(run.c.run_id == run_id))


def wait_again(ledger: Ledger, tenant: str, lane_: str, run_id: str) -> bool:
    """A run that has found nothing more to do lingers: it counts as one that waits, so that nobody asks for another.

    :return: False if another waits already; then this one should end.
    """
    with ledger.begin() as connection:
        _lock(connection, tenant, lane_)
        if connection.scalar(select(func.count()).where(run.c.tenant == tenant, run.c.lane == lane_)):
            return False
        waits = insert(run).values(run_id=run_id, tenant=tenant, lane=lane_, asked_at=now_ms(), lingers=True)
        connection.execute(waits)
        return True


def others_wait(ledger: Ledger, lane_: str) -> bool:
    """Whether some run of a lane, whoever's, waits for a slot: then no other should linger on its own."""
    with ledger.look() as connection:
        asked = select(literal(1)).where(run.c.lane == lane_, run.c.lingers.is_(False)).limit(1)
        return connection.scalar(asked) is not None


def stale(ledger: Ledger) -> list[AskedRun]:
    """Runs that were asked for long ago and have not begun: they wait for their pool, or were never made."""
    with ledger.look() as connection:
        rows = connection.execute(
            select(run.c.tenant, run.c.lane, run.c.run_id).where(run.c.asked_at < now_ms() - STALE * 1000)
        )
        return [AskedRun(row.tenant, row.lane, row.run_id) for row in rows]


def lanes_with_work(ledger: Ledger) -> list[tuple[str, str]]:
    """(tenant, lane) of all that is pending."""
    with ledger.look() as connection:
        rows = connection.execute(select(request.c.tenant, request.c.lane).where(IS_PENDING).distinct())
        return sorted((row.tenant, row.lane) for row in rows)


def _pending(tenant: str, lane_: str) -> ColumnElement[bool]:
    return (IS_PENDING) & (request.c.tenant == tenant) & (request.c.lane == lane_)


def _lock(connection: Connection, tenant: str, lane_: str) -> None:
    key = (lane.c.tenant == tenant) & (lane.c.lane == lane_)
    if connection.scalar(select(literal(1)).where(key).with_for_update()) is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(lane).values(tenant=tenant, lane=lane_))
        except IntegrityError:
            pass  # another has just made it
        connection.scalar(select(literal(1)).where(key).with_for_update())
