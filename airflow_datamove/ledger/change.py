"""What people do to requests: cancel, retry, another priority; one by its id, or all that a query finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.search import Query
from airflow_datamove.ledger.submit import STEP
from airflow_datamove.ledger.tables import CANCELLED, DEAD, FAILED, HANDLED, PENDING, RUNNING, request

BOUND = 10_000
"""Requests that one call changes at most; call again for the rest."""
_MANY = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did."""

    changed: int = 0
    asked: int = 0
    """Running ones that were asked to end, and will within seconds."""
    left: int = 0
    """Found beyond :data:`BOUND`: call again."""


def cancel(ledger: Ledger, query: Query) -> Changed:
    """Cancels what is pending or dead at once; asks what is running to end."""
    ended: dict[str, Any] = {"state": CANCELLED, "twin": None, "writing": None, "ended_at": now_ms()}
    with ledger.begin() as connection:
        changed, left = _change(connection, query, (PENDING, DEAD), ended)
        asked, more = _change(connection, query, (RUNNING,), {"cancelling": True})
    return Changed(changed, asked, left + more)


def retry(ledger: Ledger, query: Query) -> Changed:
    """Puts what has failed, is dead, was cancelled or has ended within its error budget back into the queue, at the
    place of its submission, to be done anew."""
    again: dict[str, Any] = {
        "state": PENDING, "tries": 0, "deaths": 0, "not_before": 0, "ended_at": None, "error": None, "report": None,
        "bytes": 0, "cancelling": False, "writing": None, "job": None, "warning": None,
        "generation": request.c.generation + 1,
    }  # fmt: skip
    with ledger.begin() as connection:
        changed, left = _change(connection, query, (FAILED, DEAD, CANCELLED, HANDLED), again)
    return Changed(changed, left=left)


def set_priority(ledger: Ledger, query: Query, priority: int) -> Changed:
    """Gives what is pending another priority.

    :param priority: 0 to 99.
    """
    values = {"priority": priority, "due": request.c.submitted_at - priority * STEP}
    with ledger.begin() as connection:
        changed, left = _change(connection, query, (PENDING,), values)
    return Changed(changed, left=left)


def _change(connection: Connection, query: Query, states: Sequence[str], values: dict[str, Any]) -> tuple[int, int]:
    """How many were changed, and how many were left for the next call."""
    found = list(
        connection.scalars(
            select(request.c.id)
            .where(query.condition(), request.c.state.in_(states))
            .order_by(request.c.id)
            .limit(BOUND + 1)
            .with_for_update()
        )
    )
    changed = 0
    for part in _parts(found[:BOUND]):
        changed += connection.execute(
            update(request).where(request.c.id.in_(part), request.c.state.in_(states)).values(values)
        ).rowcount
    return changed, max(0, len(found) - BOUND)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), _MANY):
        yield ids[at : at + _MANY]
