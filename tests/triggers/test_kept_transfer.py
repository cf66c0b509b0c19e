from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select, update

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import Standing
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.transfers import LedgerBoard, TaskOf, silent
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.triggers.kept_transfer import KeptTransfer


def test_a_trigger_renews_what_its_job_has_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DATAMOVE_LEDGER", f'{{"conn_type": "sqlite", "host": "{tmp_path}/ledger.db"}}')
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(ledger)
    with LedgerBoard(ledger, TaskOf("acme.copy", "run1", "distcp", 0)).turn("wan") as turn:
        turn.write(Standing("job", "acme", "normal", 1, 10, 10, 7, 7, fixed=True, holder="x"))
    with ledger.begin() as connection:
        connection.execute(update(transfer).values(beat_at=transfer.c.beat_at - 60_000))
    assert set(silent(ledger)) == {"job"}

    asyncio.run(KeptTransfer("job").keep())

    assert silent(ledger) == {}
    with ledger.look() as connection:
        assert connection.execute(select(transfer.c.rate, transfer.c.fixed)).one() == (7, True)
    ledger.close()


def test_a_ledger_that_is_away_takes_nothing_from_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DATAMOVE_LEDGER", "postgres://me:x@127.0.0.1:1/x")
    asyncio.run(KeptTransfer("job").keep())


def test_a_job_without_a_part_of_a_link_asks_no_ledger() -> None:
    asyncio.run(KeptTransfer("").keep())
