"""The transfers of a link in the ledger: the board on which reservations stand, and what keeps it clean."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import GONE, Standing
from airflow_datamove.ledger.tables import link, transfer

GAP = 1.5
"""Seconds in which nobody renewed anything: the ledger was away, or its clock jumped; nobody is taken for dead yet."""
LOST = 24 * 3600
"""Seconds without a beat after which a row is nobody's, whatever Airflow says: where no DAG keeps the ledger."""
GRACE = 15
"""Seconds without a beat after which Airflow is asked whether the task of a transfer is over."""


@dataclass(frozen=True, slots=True)
class TaskOf:
    """Airflow's task that a transfer belongs to."""

    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1

    def copy_id(self) -> str:
        """The id of its own copying: the same at each try, so that a retry takes the place of what died."""
        return _id("copy", self.dag_id, self.run_id, self.task_id, str(self.map_index))

    def job_id(self, request: str = "") -> str:
        """The id of its DistCp job.

        :param request: the request in the ledger, if it has one: whatever run works on it joins the same job.
        """
        if request:
            return _id("job", request)
        return _id("job", self.dag_id, self.run_id, self.task_id, str(self.map_index))


class LedgerTurn:
    """See :class:`~.reserve.Turn`."""

    def __init__(self, connection: Connection, name: str, task: TaskOf) -> None:
        self._connection, self._name, self._task = connection, name, task
        resumed = _locked(connection, name)
        columns = [transfer.c[each] for each in _FIELDS]
        rows = connection.execute(
            select(now_ms().label("now"), transfer.c.beat_at, *columns)
            .select_from(link.outerjoin(transfer, transfer.c.link == link.c.name))
            .where(link.c.name == name)
        ).all()
        self.now = max(row.now for row in rows)
        there = [row for row in rows if row.id is not None]
        ages = {row.id: self.now - row.beat_at for row in there if not row.fixed}
        if min(ages.values(), default=0) < -_JITTER:  # the clock was set back
            ahead = (transfer.c.link == name) & (transfer.c.beat_at > self.now)
            connection.execute(update(transfer).where(ahead).values(beat_at=self.now))
        if not -_JITTER <= min(ages.values(), default=0) <= GAP * 1000:
            resumed = self.now
            connection.execute(update(link).where(link.c.name == name).values(resumed_at=resumed))
        self.cautious = 0 <= self.now - resumed < GONE * 1000
        if any(self.now - row.beat_at > LOST * 1000 for row in there):
            lost = (transfer.c.link == name) & (transfer.c.beat_at < self.now - LOST * 1000)
            connection.execute(delete(transfer).where(lost))
            there = [row for row in there if self.now - row.beat_at <= LOST * 1000]
        self.standings: Mapping[str, Standing] = {
            row.id: Standing(
                **{each: getattr(row, each) for each in _FIELDS if each != "fixed"},
                fixed=bool(row.fixed),
                age=max(0, self.now - row.beat_at) / 1000,
            )
            for row in there
        }

    def write(self, standing: Standing) -> None:
        """See :class:`~.reserve.Turn`."""
        values: dict[str, Any] = {each: getattr(standing, each) for each in _FIELDS}
        values |= {"link": self._name, "beat_at": now_ms()}
        if standing.id in self.standings:
            self._connection.execute(update(transfer).where(transfer.c.id == standing.id).values(values))
            return
        # On another link, if the tenant's has changed since an earlier try.
        self._connection.execute(delete(transfer).where(transfer.c.id == standing.id))
        self._connection.execute(insert(transfer).values(values | asdict(self._task)))


def _id(*key: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\n".join(key)))


_POSTGRES_LIMITS = {"idle_in_transaction_session_timeout": 3000, "lock_timeout": 2000}
"""Milliseconds, for this transaction alone."""
_FIELDS = ("id", "tenant", "lane", "share", "static", "demand", "rate", "aim", "fixed", "holder")
_JITTER = 100
"""Milliseconds by which a sound clock may be slewed back."""


class LedgerBoard:
    """See :class:`~.reserve.Board`.

    :param task: whose transfers are put on it.
    """

    def __init__(self, ledger: Ledger, task: TaskOf | None = None) -> None:
        self._ledger, self._task = ledger, task or TaskOf()

    @contextmanager
    def turn(self, link: str) -> Iterator[LedgerTurn]:
        """See :class:`~.reserve.Board`."""
        with self._ledger.begin() as connection:
            yield LedgerTurn(connection, link, self._task)

    def remove(self, link: str, id: str, holder: str) -> None:
        """See :class:`~.reserve.Board`."""
        with self._ledger.begin() as connection:
            connection.execute(delete(transfer).where(transfer.c.id == id, transfer.c.holder == holder))


def adopt(ledger: Ledger, id: str, task: TaskOf) -> int | None:
    """Makes a task the one that a DistCp job belongs to.

    :return: what the job was given, bytes/s; ``None`` if it has no reservation.
    """
    ours = (transfer.c.id == id) & (transfer.c.fixed == true())
    with ledger.begin() as connection:
        connection.execute(update(transfer).where(ours).values(asdict(task) | {"beat_at": now_ms()}))
        found = connection.scalar(select(transfer.c.rate).where(ours))
    return None if found is None else int(found)


def keep(ledger: Ledger, id: str) -> None:
    """Renews a DistCp job's reservation, so that nobody asks whether it is over."""
    with ledger.begin() as connection:
        connection.execute(update(transfer).where(transfer.c.id == id).values(beat_at=now_ms()))


def remove(ledger: Ledger, ids: Iterable[str], *, silent: float = 0.0) -> int:
    """Takes transfers off.

    :param silent: only those that were not renewed for so many seconds.
    :return: how many it were.
    """
    gone = transfer.c.beat_at <= now_ms() - int(silent * 1000)
    with ledger.begin() as connection:
        removed = connection.execute(delete(transfer).where(transfer.c.id.in_(sorted(ids)), gone))
    return removed.rowcount


def silent(ledger: Ledger) -> dict[str, tuple[TaskOf, bool]]:
    """The transfers that nobody renews: ask Airflow whether their tasks are over.

    :return: id -> its task, and whether it is a DistCp job's.
    """
    with ledger.look() as connection:
        rows = connection.execute(
            select(transfer).where((transfer.c.beat_at < now_ms() - GRACE * 1000) & (transfer.c.dag_id != ""))
        )
        return {row.id: (TaskOf(row.dag_id, row.run_id, row.task_id, row.map_index), bool(row.fixed)) for row in rows}


def _locked(connection: Connection, name: str) -> int:
    """Takes the link's lock. When the clock began to be trusted again, in its milliseconds."""
    if connection.dialect.name == "postgresql":
        # A process that stands still (a paused machine) must not keep the lock from all others.
        limits = (func.set_config(setting, str(ms), true()) for setting, ms in _POSTGRES_LIMITS.items())
        connection.execute(select(*limits))
    held = select(link.c.resumed_at).where(link.c.name == name).with_for_update()
    found = connection.scalar(held)
    if found is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(link).values(name=name, resumed_at=0))
        except IntegrityError:
            pass  # another has just made it
        found = connection.scalar(held)
    return int(found or 0)
