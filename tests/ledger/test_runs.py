from __future__ import annotations

import threading

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.runs import AskedRun, ask_for_run, begun, lanes_with_work, others_wait, stale, wait_again
from airflow_datamove.ledger.tables import run
from tests.ledger.queue import held_by, new, put


def test_a_run_comes_for_what_is_pending_and_only_one(ledger: Ledger) -> None:
    assert ask_for_run(ledger, "acme", "bulk") is None
    put(ledger, new(1))

    asked = ask_for_run(ledger, "acme", "bulk")

    assert asked is not None
    assert ask_for_run(ledger, "acme", "bulk") is None
    begun(ledger, asked.run_id)
    again = ask_for_run(ledger, "acme", "bulk")
    assert again is not None
    assert again.run_id != asked.run_id


def test_however_many_ask_at_once_one_is_told(ledger: Ledger) -> None:
    put(ledger, new(1))
    found: list[AskedRun | None] = []
    threads = [threading.Thread(target=lambda: found.append(ask_for_run(ledger, "acme", "bulk"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    assert len([each for each in found if each]) == 1


def test_a_run_that_does_not_begin_is_looked_for(ledger: Ledger) -> None:
    put(ledger, new(1))
    asked = ask_for_run(ledger, "acme", "bulk")
    assert stale(ledger) == []
    with ledger.begin() as connection:
        connection.execute(run.update().values(asked_at=run.c.asked_at - 130_000))

    assert stale(ledger) == [asked]


def test_lanes_with_work_are_those_with_something_pending(ledger: Ledger) -> None:
    put(ledger, new(1), new(2, tenant="globex", lane="urgent"))
    held_by(ledger).take("acme", "bulk", 1)

    assert lanes_with_work(ledger) == [("globex", "urgent")]


def test_a_run_lingers_for_its_lane_alone_and_not_where_another_needs_the_slot(ledger: Ledger) -> None:
    assert wait_again(ledger, "acme", "urgent", "lingering")
    assert not wait_again(ledger, "acme", "urgent", "another")
    put(ledger, new(1, lane="urgent"))
    assert ask_for_run(ledger, "acme", "urgent") is None  # the lingering one will find it
    assert not others_wait(ledger, "urgent")

    put(ledger, new(2, tenant="globex", lane="urgent"))
    assert ask_for_run(ledger, "globex", "urgent") is not None

    assert others_wait(ledger, "urgent")
    assert not others_wait(ledger, "bulk")
    begun(ledger, "lingering")
    assert ask_for_run(ledger, "acme", "urgent") is not None
