from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from airflow_datamove.errors import Cancelled, LedgerUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import HEADROOM
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.transfers import TaskOf
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.operators import fixed_share
from airflow_datamove.operators.fair_share import FairShare, NotEveryones
from airflow_datamove.operators.fixed_share import job_is_over, reserve_job
from airflow_datamove.transfer.throttle import Throttle
from tests.operators.test_fair_share import MIB, C, limits

ROOM = int(C * (1 - HEADROOM))
TASK = TaskOf("acme.copy", "run1", "distcp", 0)
NEVER = threading.Event()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(opened)
    yield opened
    opened.close()


def rates(ledger: Ledger) -> list[tuple[int, bool]]:
    with ledger.look() as connection:
        return [(row.rate, bool(row.fixed)) for row in connection.execute(select(transfer.c.rate, transfer.c.fixed))]


def test_on_an_idle_link_a_job_has_the_rate_of_its_slots_at_once(ledger: Ledger) -> None:
    began = time.monotonic()
    assert reserve_job(limits(), "normal", 4, TASK, NEVER, ledger=lambda: ledger) == 4 * MIB
    assert time.monotonic() - began < 3
    assert rates(ledger) == [(4 * MIB, True)]


def test_those_that_run_make_room_and_a_job_gets_its_share_at_most(ledger: Ledger) -> None:
    throttle, over = Throttle(1), threading.Event()

    def move() -> None:
        while throttle.take(MIB // 8, over):
            pass

    with FairShare(throttle, limits(tenant="globex", share=3), "normal", 4, TaskOf("other"), lambda: ledger):
        mover = threading.Thread(target=move, daemon=True)
        mover.start()
        while throttle.rate != ROOM:
            time.sleep(0.05)
        given = reserve_job(limits(), "normal", 10, TASK, NEVER, ledger=lambda: ledger)

        assert given == pytest.approx(ROOM / 4, rel=0.01)
        time.sleep(2)
        assert (throttle.rate or 0) + given <= ROOM
        job_is_over(limits(), TASK.job_id(), lambda: ledger)
        deadline = time.monotonic() + 10
        while throttle.rate != ROOM and time.monotonic() < deadline:
            time.sleep(0.05)
        assert throttle.rate == ROOM
        over.set()
        mover.join()


def test_a_retry_finds_what_the_job_was_given(ledger: Ledger) -> None:
    first = reserve_job(limits(), "normal", 2, TASK, NEVER, ledger=lambda: ledger)
    again = reserve_job(limits(), "normal", 5, TASK, NEVER, ledger=lambda: ledger)
    other = reserve_job(limits(), "normal", 5, replace(TASK, map_index=1), NEVER, ledger=lambda: ledger)
    assert (first, again, other) == (2 * MIB, 2 * MIB, 5 * MIB)


def test_another_run_of_the_same_request_finds_it_too(ledger: Ledger) -> None:
    first = reserve_job(limits(), "normal", 2, TASK, NEVER, request="r1", ledger=lambda: ledger)
    again = reserve_job(limits(), "normal", 5, replace(TASK, run_id="run2"), NEVER, request="r1", ledger=lambda: ledger)
    assert (first, again) == (2 * MIB, 2 * MIB)
    with ledger.look() as connection:
        assert connection.scalar(select(transfer.c.run_id)) == "run2"


def test_without_the_ledger_no_job_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_share, "PATIENCE", 1.5)
    away = Ledger("postgresql+psycopg://me:x@127.0.0.1:1/x")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        reserve_job(limits(), "normal", 2, TASK, NEVER, ledger=lambda: away)
    assert time.monotonic() - began > 1.5
    assert reserve_job(limits(), "normal", 2, TASK, NEVER, runs=True, ledger=lambda: away) == int(2 * MIB * HEADROOM)


def test_a_cancel_ends_the_waiting_and_leaves_no_row(ledger: Ledger) -> None:
    cancelled = threading.Event()
    threading.Timer(1.5, cancelled.set).start()
    throttle = Throttle(1)
    with FairShare(throttle, limits(tenant="globex", share=1000), "normal", 4, TaskOf("other"), lambda: ledger):
        while throttle.rate != ROOM:
            time.sleep(0.05)
        with pytest.raises(Cancelled):
            reserve_job(limits(), "normal", 10, TASK, cancelled, ledger=lambda: ledger)
        assert [fixed for _, fixed in rates(ledger)] == [False]


def test_where_nothing_is_shared_a_job_has_the_rate_of_its_slots() -> None:
    def own() -> Ledger:
        raise NotEveryones("a file of this machine")

    assert reserve_job(limits(capacity=""), "normal", 2, TASK, NEVER, ledger=own) == 2 * MIB
    assert reserve_job(limits(), "normal", 2, TASK, NEVER, ledger=own) == 2 * MIB
