"""Reservations on a running Airflow: a DistCp job's is there while it runs, and what nobody gives back is freed."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import select, update

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import Standing
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.transfers import LedgerBoard, TaskOf
from tests.conftest import STATE
from tests.system.driver import Driver, wait_for


def test_what_a_task_has_reserved_ends_with_it(driver: Driver) -> None:
    ledger = Ledger(f"sqlite:///{STATE}/airflow/home/datamove-ledger.db")
    name = f"shares-{uuid4().hex[:8]}"
    driver.put(f"hdfs://onprem@/data/acme/{name}/", {"part-0": b"0" * 1_500_000})
    conf = {
        "source": f"hdfs://onprem@/data/acme/{name}/",
        "destination": f"gs://acme_gcp@acme-lake/{name}/",
        "slots": 2,
    }
    run_id = driver.api.trigger("acme.copy.normal", conf)

    def reserved() -> list[tuple[str, int, bool]]:
        with ledger.look() as connection:
            rows = connection.execute(select(transfer).where(transfer.c.run_id == run_id))
            return [(row.task_id, row.rate, bool(row.fixed)) for row in rows if row.fixed]

    job = wait_for(lambda: reserved() or None, 120, "a job's reservation")
    assert job == [("distcp", 2 * 32 * 2**20, True)]
    assert driver.ended("acme.copy.normal", run_id) == "success"
    assert reserved() == []

    left = {
        "over": TaskOf("acme.copy.normal", run_id, "copy"),
        "job over": TaskOf("acme.copy.normal", run_id, "distcp", 0),
        "no such run": TaskOf("acme.copy.normal", "gone", "copy"),
        "no such DAG": TaskOf("gone.copy.normal", "gone", "copy"),
    }
    for id, task in left.items():
        with LedgerBoard(ledger, task).turn("interconnect") as turn:
            turn.write(Standing(id, "acme", "normal", 1, 1, 1, 1, 1, fixed=id == "job over", holder="gone"))
    with ledger.begin() as connection:
        connection.execute(update(transfer).where(transfer.c.id.in_(left)).values(beat_at=transfer.c.beat_at - 20_000))

    def freed() -> bool | None:
        with ledger.look() as connection:
            return None if connection.scalars(select(transfer.c.id).where(transfer.c.id.in_(left))).all() else True

    assert wait_for(freed, 200, "the DAG that keeps the ledger to free what is left")
    ledger.close()
