"""Finds requests: newest first, a page at a time, with counts by state."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, true

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import IS_PENDING, OPEN, PENDING, request

PAGE = 100
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; what is left out matches all.

    :param tenants: only these tenants; ``None``: all. Whoever asks for people passes what they may see.
    :param source: a piece of the source's address, and ``destination`` of the destination's.
    :param priority_from: this priority or a higher one.
    :param since: submitted at this time or later, and ``until`` before; milliseconds since 1970.
    """

    tenants: Collection[str] | None = None
    ids: Collection[str] | None = None
    states: Collection[str] | None = None
    lanes: Collection[str] | None = None
    clients: Collection[str] | None = None
    source: str = ""
    destination: str = ""
    priority_from: int | None = None
    since: int | None = None
    until: int | None = None
    run_id: str = ""

    def condition(self) -> ColumnElement[bool]:
        """As SQL."""
        found: list[ColumnElement[bool]] = []
        for column, values in (
            (request.c.tenant, self.tenants),
            (request.c.id, self.ids),
            (request.c.state, self.states),
            (request.c.lane, self.lanes),
            (request.c.client, self.clients),
        ):
            if values is not None:
                found.append(column.in_(sorted(values)))
        for column, text in ((request.c.source, self.source), (request.c.destination, self.destination)):
            if text:
                found.append(column.contains(text, autoescape=True))
        if self.priority_from is not None:
            found.append(request.c.priority >= self.priority_from)
        if self.since is not None:
            found.append(request.c.submitted_at >= self.since)
        if self.until is not None:
            found.append(request.c.submitted_at < self.until)
        if self.run_id:
            found.append(request.c.run_id == self.run_id)
        return and_(true(), *found)


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, newest first."""

    requests: Sequence[dict[str, Any]]
    cursor: str
    """For the next page; empty: this was the last one."""


_SHOWN = [
    column
    for column in request.c
    if column.name not in ("target", "twin", "writing", "due", "lease", "not_before", "cancelling")
]


def search(ledger: Ledger, query: Query, *, limit: int = PAGE, cursor: str = "") -> Page:
    """One page. Ids sort by the time of submission, so a cursor stays true while others submit.

    :param limit: at most :data:`LARGEST_PAGE`.
    :param cursor: that of the page before.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    with ledger.look() as connection:
        rows = connection.execute(
            select(*_SHOWN, request.c.cancelling)
            .where(query.condition(), request.c.id < cursor if cursor else true())
            .order_by(request.c.id.desc())
            .limit(limit + 1)
        ).all()
    return Page([_shown(row) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else "")


def find(ledger: Ledger, id: str) -> dict[str, Any] | None:
    """One request, with its place in the queue where it is pending; ``None`` if there is none of this id."""
    with ledger.look() as connection:
        row = connection.execute(select(request).where(request.c.id == id)).first()
        if row is None:
            return None
        shown = _shown(row)
        if row.state == PENDING:
            before = (
                select(literal(1))
                .where(
                    IS_PENDING,
                    request.c.tenant == row.tenant,
                    request.c.lane == row.lane,
                    (request.c.due < row.due) | ((request.c.due == row.due) & (request.c.id < row.id)),
                )
                .limit(_FARTHEST)
                .subquery()
            )
            shown["position"] = 1 + (connection.scalar(select(func.count()).select_from(before)) or 0)
        return shown


_FARTHEST = 100_000
"""A place in the queue is counted so far."""


def count(ledger: Ledger, query: Query) -> dict[str, int]:
    """How many requests are in each state."""
    with ledger.look() as connection:
        rows = connection.execute(
            select(request.c.state, func.count().label("many")).where(query.condition()).group_by(request.c.state)
        )
        return {row.state: row.many for row in rows}


def is_open(state: str) -> bool:
    """Whether there is still something to wait for."""
    return state in OPEN


def _shown(row: Any) -> dict[str, Any]:
    shown = {column.name: getattr(row, column.name) for column in _SHOWN}
    shown["conf"] = json.loads(shown["conf"])
    shown["report"] = json.loads(shown["report"]) if shown["report"] else None
    shown["cancelling"] = bool(row.cancelling)
    return shown
