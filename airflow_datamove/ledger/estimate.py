"""When a request will be done, by what is before it and how fast its lane has been: :func:`estimate`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import DONE, HANDLED, IS_PENDING, OPEN, RUNNING, request

_LAST = 200
"""Requests that have ended, by which a lane's pace is judged."""
_FARTHEST = 100_000
_START = 2.0
"""Seconds from a request to its first byte where nothing is before it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is to be expected of a request."""

    ahead: int
    """Requests of its lane that come first."""
    seconds: float | None
    """Until it is done; ``None``: nothing like it has ended yet, so nobody knows."""
    expected_at: int | None
    """Milliseconds since 1970."""
    met: bool | None
    """Whether its deadline is met; ``None``: it has none, or nobody knows."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)


def estimate(
    ledger: Ledger, tenant: str, lane: str, due: int, *, deadline_at: int | None, seconds: float | None = None
) -> Estimate:
    """Estimates.

    :param due: its place in the queue (:func:`~airflow_datamove.ledger.submit.due_of`).
    :param seconds: how long it takes by itself, where its size is known; otherwise what the others took.
    """
    with ledger.look() as connection:
        return _estimate(connection, tenant, lane, due, deadline_at, seconds)


def warn_of_late(ledger: Ledger) -> list[str]:
    """Writes a warning at each open request whose deadline will not be met, or is over.

    :return: ids of those that were not known to be late before.
    """
    with ledger.begin() as connection:
        now = int(connection.scalar(select(now_ms())) or 0)
        open_ones = connection.execute(
            select(request)
            .where(request.c.state.in_(OPEN), request.c.deadline_at.is_not(None), request.c.warning.is_(None))
            .order_by(request.c.deadline_at)
            .limit(1000)
        ).all()
        late = []
        for row in open_ones:
            if row.deadline_at < now:
                why = "its deadline is over"
            elif row.state == RUNNING:
                continue
            elif _estimate(connection, row.tenant, row.lane, row.due, row.deadline_at, None).met is False:
                why = "its deadline will not be met: too much comes first"
            else:
                continue
            late.append(row.id)
            connection.execute(update(request).where(request.c.id == row.id).values(warning=why))
        return late


def _estimate(
    connection: Connection, tenant: str, lane: str, due: int, deadline_at: int | None, seconds: float | None
) -> Estimate:
    now = int(connection.scalar(select(now_ms())) or 0)
    before = (
        select(literal(1))
        .where(IS_PENDING, request.c.tenant == tenant, request.c.lane == lane, request.c.due < due)
        .limit(_FARTHEST)
        .subquery()
    )
    ahead = int(connection.scalar(select(func.count()).select_from(before)) or 0)
    ended = connection.execute(
        select(request.c.started_at, request.c.ended_at)
        .where(request.c.tenant == tenant, request.c.state.in_((DONE, HANDLED)), request.c.lane == lane)
        .order_by(request.c.id.desc())
        .limit(_LAST)
    ).all()
    took = sorted((row.ended_at - row.started_at) / 1000 for row in ended if row.started_at and row.ended_at)
    own = seconds if seconds is not None else (took[len(took) // 2] if took else None)
    wait: float | None = _START
    if ahead:
        ends = sorted(row.ended_at for row in ended)
        span = (ends[-1] - ends[0]) / 1000 if len(ends) > 1 else 0.0
        wait = ahead * span / (len(ends) - 1) if span else None
    total = wait + own if wait is not None and own is not None else None
    at = now + int(total * 1000) if total is not None else None
    met = at <= deadline_at if at is not None and deadline_at is not None else None
    return Estimate(ahead, total, at, met)
