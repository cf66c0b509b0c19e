"""Forgets requests that ended long ago: :func:`prune`."""

from __future__ import annotations

from sqlalchemy import delete, select

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import DEAD, OPEN, request

DAYS = 90
"""How long a request is remembered once it has ended."""
_MANY = 1000


def prune(ledger: Ledger, *, days: float = DAYS, most: int = 100_000) -> int:
    """Forgets what ended longer ago, some at a time, so that nobody waits for a lock. What is open or dead stays.

    :param most: how many at most, for who has a task's time.
    :return: how many.
    """
    gone = 0
    while gone < most:
        with ledger.begin() as connection:
            old = request.c.ended_at < now_ms() - int(days * 86_400_000)
            kept = request.c.state.in_((*OPEN, DEAD))
            ids = list(connection.scalars(select(request.c.id).where(old, ~kept).order_by(request.c.id).limit(_MANY)))
            if ids:
                connection.execute(delete(request).where(request.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < _MANY:
            break
    return gone
