"""Puts requests into the ledger: all of a call or none, durable before anybody is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uuid6
from sqlalchemy import Connection, Insert, func, insert, literal, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_datamove.errors import QueueFull, StoreUnavailable
from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import lease_handed
from airflow_datamove.ledger.tables import IS_PENDING, PENDING, RUNNING, request

STEP = 600_000
"""Milliseconds of waiting that count as much as one priority: what has waited for ten minutes more goes before what is
one more urgent, so that nothing starves."""
_MANY = 500
"""Values in one IN list."""
_NOT_THE_WORK = frozenset({"priority", "client", "lane", "tenant", "idempotency_key", "deadline"})


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request that was let in.

    :param conf: the request as JSON-able values, as the conf of a run would hold it.
    :param deadline_at: milliseconds since 1970.
    :param join: an equal request that is still pending does for this one too.
    """

    tenant: str
    lane: str
    source: str
    destination: str
    conf: Mapping[str, Any]
    priority: int = 50
    client: str = ""
    idempotency_key: str | None = None
    submitted_by: str = ""
    deadline_at: int | None = None
    size: int | None = None
    join: bool = True


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one request."""

    id: str
    joined: bool = False
    """An equal one was pending already; this is its id."""
    repeated: bool = False
    """Its idempotency key was known already; this is the id of then."""


def submit(ledger: Ledger, requests: Sequence[NewRequest], *, most: Mapping[str, int] | None = None) -> list[Submitted]:
    """Puts requests into the queue, in one transaction.

    :param most: tenant -> how many of its requests may be pending.
    :return: in the order of ``requests``.
    :raises QueueFull: if a tenant would have more pending than it may; nothing is kept of the call.
    """
    with ledger.begin() as connection:
        now = int(connection.scalar(select(now_ms())) or 0)
        rows = [_row(each, now) for each in requests]
        for part in _parts(rows):
            connection.execute(_insert_new(connection), part)
        kept = _ids(connection, [row["id"] for row in rows])
        # Only what another row stands for is looked for again.
        answers = [Submitted(row["id"]) if row["id"] in kept else _standing_for(connection, row) for row in rows]
        _check_most(connection, most or {}, {each.tenant for each in requests} if kept else set())
    return answers


def record(ledger: Ledger, new: NewRequest, dag_id: str, run_id: str) -> str:
    """Records a request that was posted to Airflow itself, as running; a run that is tried again has its row already.

    :return: its id, which a task of the run takes by :meth:`~airflow_datamove.ledger.lease.Lease.adopt`.
    :raises StoreUnavailable: if another request is writing to its destination now.
    """
    with ledger.begin() as connection:
        now = int(connection.scalar(select(now_ms())) or 0)
        target = target_of(new.destination)
        other = select(request.c.id).where(
            request.c.writing == target, ~((request.c.run_id == run_id) & request.c.native.is_(True))
        )
        if found := connection.scalar(other):
            raise StoreUnavailable(f"request {found} is writing to {new.destination} now", remedy="A retry looks again")
        id = connection.scalar(select(request.c.id).where(request.c.run_id == run_id, request.c.native.is_(True)))
        running = {"state": RUNNING, "run_id": run_id, "writing": target, "started_at": now, "ended_at": None}
        running |= {"native": True, "cancelling": False, "error": None}
        if id is None:
            row = {**_row(new, now), **running, "twin": None, "tries": 1}
            id = row["id"]
            connection.execute(insert(request), [row])
        else:
            again = update(request).where(request.c.id == id)
            connection.execute(again.values(**running, tries=request.c.tries + 1))
        lease_handed(connection, id, dag_id, run_id)
    return str(id)


def _row(new: NewRequest, now: int) -> dict[str, Any]:
    conf = dict(new.conf)
    work = json.dumps({k: v for k, v in conf.items() if k not in _NOT_THE_WORK}, sort_keys=True)
    return {
        "id": str(uuid6.uuid7()),
        "tenant": new.tenant,
        "lane": new.lane,
        "state": PENDING,
        "priority": new.priority,
        "due": due_of(now, new.priority),
        "client": new.client,
        "source": new.source,
        "destination": new.destination,
        "target": target_of(new.destination),
        "twin": _hash(new.tenant, new.lane, work) if new.join else None,
        "conf": json.dumps(conf, sort_keys=True),
        "idempotency_key": new.idempotency_key,
        "submitted_by": new.submitted_by,
        "submitted_at": now,
        "deadline_at": new.deadline_at,
        "size": new.size,
    }


def due_of(submitted_at: int, priority: int) -> int:
    """A request's place in the queue of its lane: the lowest comes first.

    :param submitted_at: milliseconds since 1970.
    """
    return submitted_at - priority * STEP


def target_of(destination: str) -> str:
    """The hash of a destination. A trailing slash is left out: ``a/b`` and ``a/b/`` must not be written at once."""
    return _hash(destination.rstrip("/"))


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def _insert_new(connection: Connection) -> Insert:
    """An INSERT that leaves out what another row stands for: the same idempotency key, or an equal request."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(request).on_conflict_do_nothing()
    if connection.dialect.name == "sqlite":
        return sqlite.insert(request).on_conflict_do_nothing()
    # INSERT IGNORE would let a text that is too long through, cut.
    return mysql.insert(request).on_duplicate_key_update(id=request.c.id)


def _parts(rows: Sequence[Any], size: int = _MANY) -> list[Sequence[Any]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    return {
        found
        for part in _parts(ids)
        for found in connection.scalars(select(request.c.id).where(request.c.id.in_(part)))
    }


def _standing_for(connection: Connection, row: Mapping[str, Any]) -> Submitted:
    if row["idempotency_key"] is not None:
        same = select(request.c.id).where(
            request.c.tenant == row["tenant"], request.c.idempotency_key == row["idempotency_key"]
        )
        if found := connection.scalar(same):
            return Submitted(found, repeated=True)
    twin = connection.execute(
        select(request.c.id, request.c.priority, request.c.submitted_at).where(request.c.twin == row["twin"])
    ).one()
    priority = max(twin.priority, row["priority"])
    connection.execute(
        update(request)
        .where(request.c.id == twin.id)
        .values(joined=request.c.joined + 1, priority=priority, due=due_of(twin.submitted_at, priority))
    )
    return Submitted(twin.id, joined=True)


def _check_most(connection: Connection, most: Mapping[str, int], tenants: set[str]) -> None:
    for tenant in sorted(tenants & set(most)):
        counted = select(literal(1)).where(IS_PENDING, request.c.tenant == tenant).limit(most[tenant] + 1).subquery()
        if (connection.scalar(select(func.count()).select_from(counted)) or 0) > most[tenant]:
            raise QueueFull(
                f"tenant {tenant!r} may have {most[tenant]} requests pending, and this would be more",
                remedy="Wait until some have begun, or ask the platform team for a higher max_queued",
            )
