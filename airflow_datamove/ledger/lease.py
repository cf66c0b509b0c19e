"""A run's hold on requests: :class:`Lease` takes the best pending ones in small bites, keeps them, and ends them.

What it ends it must still hold: the worker of a killed supervisor goes on for half a minute, while another has its
requests already. So each write asks for the lease again, and tells of what was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import (
    CANCELLED,
    DONE,
    FAILED,
    HANDLED,
    IS_PENDING,
    IS_RUNNING,
    PENDING,
    RUNNING,
    lease,
    request,
)

MOST_TRIES = 5
"""Tries of a request whose errors may pass, before it counts as failed."""
BACK_OFF = 20_000
"""Milliseconds before the second try; doubled for each further one, up to ten minutes."""
_LONGEST_BACK_OFF = 600_000
_AGAIN = 5
"""Picks that lost a destination to another run, before the next bite."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A request that is ours to work on."""

    id: str
    lane: str
    conf: Mapping[str, Any]
    tries: int
    """1 for the first."""
    generation: int = 0
    """How often a person had it done anew."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended.

    :param state: ``done``, ``handled``, ``failed`` or ``cancelled``.
    :param retryable: a failure that may pass: the request goes back to the queue, with a back-off.
    """

    id: str
    state: str
    report: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    retryable: bool = False


class Lease:
    """What one try of one task holds.

    :param dag_id: the lane's DAG.
    :param run_id: the run of Airflow.
    :param task: the task's id, with its map index if it is mapped.
    :param try_number: the try; a lease is never shared between two.
    """

    def __init__(self, ledger: Ledger, dag_id: str, run_id: str, task: str, try_number: int) -> None:
        self.ledger = ledger
        self.dag_id, self.run_id = dag_id, run_id
        self.id = f"{dag_id}/{run_id}/{task}/{try_number}"

    def begin(self) -> None:
        """Makes the lease known, and takes over what an earlier try of this task left behind.

        Without waiting for that try's end: it can write nothing any more.
        """
        earlier = f"{self.id.rpartition('/')[0]}/"
        with self.ledger.begin() as connection:
            connection.execute(delete(lease).where(lease.c.lease == self.id))
            connection.execute(
                insert(lease).values(lease=self.id, dag_id=self.dag_id, run_id=self.run_id, beat_at=now_ms())
            )
            mine = [
                row.lease
                for row in connection.execute(select(lease.c.lease).where(lease.c.run_id == self.run_id))
                if row.lease.startswith(earlier) and row.lease != self.id
            ]
            if mine:
                connection.execute(update(request).where(request.c.lease.in_(mine), IS_RUNNING).values(lease=self.id))
                connection.execute(delete(lease).where(lease.c.lease.in_(mine)))

    def held(self) -> list[Leased]:
        """What this lease holds, in the order of the queue: after :meth:`begin` that is what was taken over."""
        with self.ledger.look() as connection:
            rows = connection.execute(
                _WHAT_IS_LEASED.where(request.c.lease == self.id, IS_RUNNING).order_by(request.c.due, request.c.id)
            )
            return [_leased(row) for row in rows]

    def take(self, tenant: str, lane: str, most: int) -> list[Leased]:
        """Takes the best pending requests of a tenant's lane: highest priority first, then the oldest.

        :param most: how many at most.
        """
        for _ in range(_AGAIN):
            try:
                with self.ledger.begin() as connection:
                    return self._take(connection, tenant, lane, most)
            except IntegrityError:
                continue  # another run has begun to write to one of these destinations
        return []

    def _take(self, connection: Connection, tenant: str, lane: str, most: int) -> list[Leased]:
        writing = request.alias("writing")
        pick = (
            select(*_WHAT_IS_LEASED.selected_columns, request.c.target)
            .where(
                IS_PENDING,
                request.c.tenant == tenant,
                request.c.lane == lane,
                request.c.not_before <= now_ms(),
                ~select(writing.c.id).where(writing.c.writing == request.c.target).exists(),
            )
            .order_by(request.c.due, request.c.id)
            .limit(most)
            .with_for_update(skip_locked=True, of=request)
        )
        first: dict[str, Any] = {}
        for row in connection.execute(pick).all():
            first.setdefault(row.target, row)  # of two that write to one place, one waits
        rows = list(first.values())
        if rows:
            connection.execute(
                update(request)
                .where(request.c.id.in_([row.id for row in rows]))
                .values(
                    state=RUNNING, lease=self.id, run_id=self.run_id, twin=None, writing=request.c.target,
                    started_at=now_ms(), tries=request.c.tries + 1, cancelling=False,
                )
            )  # fmt: skip
        return [_leased(row, tries=row.tries + 1) for row in rows]

    def beat(self, progress: Mapping[str, Mapping[str, Any]] | None = None) -> Beat:
        """Says that this try lives.

        :param progress: id -> what :class:`~airflow_datamove.transfer.progress.Progress` tells, of what is on its way.
        """
        with self.ledger.begin() as connection:
            found = connection.execute(update(lease).where(lease.c.lease == self.id).values(beat_at=now_ms()))
            mine = connection.execute(
                select(request.c.id, request.c.cancelling).where(request.c.lease == self.id, IS_RUNNING)
            ).all()
            held = {row.id for row in mine}
            rows = [
                {"of": id, "report": json.dumps(dict(each)), "bytes": int(each.get("bytes_done", 0))}
                for id, each in (progress or {}).items()
                if id in held
            ]
            if rows:
                connection.execute(
                    update(request)
                    .where(request.c.id == bindparam("of"))
                    .values(report=bindparam("report"), bytes=bindparam("bytes")),
                    rows,
                )
        return Beat(frozenset(held), frozenset(row.id for row in mine if row.cancelling), lost=not found.rowcount)

    def finish(self, ended: Iterable[Ended]) -> set[str]:
        """Ends requests.

        :return: the ids that were no longer ours; nothing was written of them.
        """
        results = {each.id: each for each in ended}
        if not results:
            return set()
        with self.ledger.begin() as connection:
            mine = self._still(connection, list(results))
            now = int(connection.scalar(select(now_ms())) or 0)
            if mine:
                connection.execute(_END, [_end(results[row.id], row, now) for row in mine])
        return set(results) - {row.id for row in mine}

    def hand_over(self, id: str) -> bool:
        """Leaves a request to another task of the same run, which takes it by :meth:`adopt`.

        Until then it needs no beat: that task may wait for its pool for hours.

        :return: False if it was no longer ours.
        """
        with self.ledger.begin() as connection:
            if not self._still(connection, [id]):
                return False
            lease_handed(connection, id, self.dag_id, self.run_id)
        return True

    def adopt(self, id: str, *, waits: bool = False, job: str | None = None) -> bool:
        """Takes a request that was handed over to this task, or that an earlier try of it had.

        :param job: connection and tag of its DistCp job, for who must end it when this task is gone.
        :param waits: no process beats for it from now on (a deferred task): only the end of its run gives it back.
        :return: False if it is no longer the run's.
        """
        with self.ledger.begin() as connection:
            owned = connection.execute(
                select(request.c.lease)
                .where(request.c.id == id, request.c.run_id == self.run_id, IS_RUNNING)
                .with_for_update()
            ).first()
            if owned is None:
                return False
            earlier = f"{self.id.rpartition('/')[0]}/"
            if owned.lease not in (_handed(self.run_id, id), self.id) and not str(owned.lease).startswith(earlier):
                return False
            connection.execute(delete(lease).where(lease.c.lease.in_([owned.lease, self.id])))
            connection.execute(
                insert(lease).values(
                    lease=self.id, dag_id=self.dag_id, run_id=self.run_id, beat_at=now_ms(), handed=waits
                )
            )
            connection.execute(update(request).where(request.c.id == id).values(lease=self.id, job=job))
        return True

    def handed(self) -> list[Leased]:
        """What this run has handed over and no task has adopted yet: a try that died may have told nobody."""
        with self.ledger.look() as connection:
            rows = connection.execute(
                _WHAT_IS_LEASED.where(request.c.lease.startswith(_handed(self.run_id, ""), autoescape=True), IS_RUNNING)
            )
            return [_leased(row) for row in rows]

    def put_back(self, ids: Sequence[str]) -> None:
        """Puts some of what is held back into the queue, at its old place, because it has not been begun."""
        if ids:
            with self.ledger.begin() as connection:
                self._put_back(connection, request.c.id.in_(ids))

    def give_back(self) -> int:
        """Puts what is still held back into the queue, at its old place; and ends the lease.

        :return: how many.
        """
        with self.ledger.begin() as connection:
            count = self._put_back(connection, true())
            connection.execute(delete(lease).where(lease.c.lease == self.id))
        return count

    def _put_back(self, connection: Connection, which: ColumnElement[bool]) -> int:
        mine = update(request).where(which, request.c.lease == self.id, IS_RUNNING)
        return connection.execute(mine.values(**PENDING_AGAIN, tries=request.c.tries - 1)).rowcount

    def _still(self, connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
        return connection.execute(
            select(request.c.id, request.c.tries, request.c.cancelling)
            .where(request.c.id.in_(ids), request.c.lease == self.id, IS_RUNNING)
            .with_for_update()
        ).all()


def lease_handed(connection: Connection, id: str, dag_id: str, run_id: str) -> None:
    """Leaves a running request to whichever task of the run adopts it."""
    handed = _handed(run_id, id)
    connection.execute(update(request).where(request.c.id == id).values(lease=handed))
    connection.execute(delete(lease).where(lease.c.lease == handed))
    connection.execute(insert(lease).values(lease=handed, dag_id=dag_id, run_id=run_id, beat_at=now_ms(), handed=True))


def look_after(ledger: Ledger, id: str, progress: Mapping[str, Any]) -> bool:
    """For a running request that no process beats for: shows how far it is.

    :return: whether somebody wants it cancelled.
    """
    with ledger.begin() as connection:
        connection.execute(
            update(request)
            .where(request.c.id == id, IS_RUNNING)
            .values(report=json.dumps(dict(progress)), bytes=int(progress.get("bytes_done", 0)))
        )
        return bool(connection.scalar(select(request.c.cancelling).where(request.c.id == id, IS_RUNNING)))


@dataclass(frozen=True, slots=True)
class Beat:
    """What a beat has seen."""

    held: frozenset[str]
    """Ids that are still ours."""
    cancelling: frozenset[str]
    """Ids that somebody wants cancelled."""
    lost: bool
    """The lease itself is gone: stop, and write nothing."""


_WHAT_IS_LEASED = select(request.c.id, request.c.lane, request.c.conf, request.c.tries, request.c.generation)
PENDING_AGAIN: Mapping[str, Any] = {"state": PENDING, "lease": None, "writing": None, "started_at": None}
"""The columns of a request that is back in the queue, at its old place."""
_END = (
    update(request)
    .where(request.c.id == bindparam("of"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "state", "lease", "writing", "ended_at", "not_before", "report", "error", "route", "bytes",
            )
        }
    )
)  # fmt: skip


def _handed(run_id: str, id: str) -> str:
    return f"handed/{run_id}/{id}"


def _leased(row: Any, tries: int | None = None) -> Leased:
    return Leased(row.id, row.lane, json.loads(row.conf), tries or row.tries, row.generation)


def _end(ended: Ended, row: Any, now: int) -> dict[str, Any]:
    again = ended.state == FAILED and ended.retryable and row.tries < MOST_TRIES and not row.cancelling
    assert ended.state in (DONE, HANDLED, FAILED, CANCELLED)
    return {
        "of": ended.id,
        "state": PENDING if again else ended.state,
        "lease": None,
        "writing": None,
        "ended_at": None if again else now,
        "not_before": now + min(BACK_OFF * 2 ** (row.tries - 1), _LONGEST_BACK_OFF) if again else 0,
        "report": json.dumps(dict(ended.report)) if ended.report else None,
        "error": ended.error or None,
        "route": str(ended.report.get("route", ""))[:12],
        "bytes": int(ended.report.get("bytes", 0)),
    }
