"""Requests for tests of the ledger, in few words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import Lease
from airflow_datamove.ledger.search import find
from airflow_datamove.ledger.submit import NewRequest, submit
from airflow_datamove.ledger.tables import lease


def new(number: int, *, tenant: str = "acme", lane: str = "bulk", **more: Any) -> NewRequest:
    """A request that differs from those of other numbers."""
    source, destination = f"file:///in/{number}", more.pop("destination", f"file:///out/{number}")
    conf = {"source": source, "destination": destination}
    return NewRequest(tenant, lane, source, destination, conf, **more)


def put(ledger: Ledger, *requests: NewRequest) -> list[str]:
    """Submits, and returns the ids."""
    return [each.id for each in submit(ledger, requests)]


def held_by(ledger: Ledger, run_id: str = "run", task: str = "copy", try_number: int = 1) -> Lease:
    """A lease that has begun."""
    made = Lease(ledger, "acme.copy.bulk", run_id, task, try_number)
    made.begin()
    return made


def state(ledger: Ledger, id: str) -> str:
    """A request's state."""
    found = find(ledger, id)
    assert found is not None
    return str(found["state"])


def let_pass(ledger: Ledger, seconds: float) -> None:
    """Moves the last beats of all leases into the past."""
    with ledger.begin() as connection:
        connection.execute(update(lease).values(beat_at=lease.c.beat_at - int(seconds * 1000)))
