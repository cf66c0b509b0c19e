from __future__ import annotations

import pytest

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.give_back import GivenBack, give_back
from airflow_datamove.ledger.lease import Ended, Lease
from airflow_datamove.ledger.search import Query, count, find
from airflow_datamove.ledger.submit import record
from tests.ledger.queue import held_by, let_pass, new, put, state

DAG = "acme.copy.bulk"


def _task(ledger: Ledger, run_id: str, try_number: int = 1) -> Lease:
    return Lease(ledger, DAG, run_id, "copy/-1", try_number)


def test_a_native_runs_request_is_found_and_ends_as_its_task_does(ledger: Ledger) -> None:
    id = record(ledger, new(1), DAG, "manual__1")
    task = _task(ledger, "manual__1")
    assert task.adopt(id, waits=True)
    assert state(ledger, id) == "running"

    assert not task.finish([Ended(id, "done", {"bytes": 5})])

    found = find(ledger, id)
    assert found is not None
    assert (found["state"], found["native"], found["run_id"]) == ("done", True, "manual__1")


def test_the_next_try_has_the_same_row(ledger: Ledger) -> None:
    id = record(ledger, new(1), DAG, "manual__1")
    _task(ledger, "manual__1").adopt(id, waits=True)

    assert record(ledger, new(1), DAG, "manual__1") == id

    assert _task(ledger, "manual__1", 2).adopt(id, waits=True)
    assert count(ledger, Query()) == {"running": 1}


def test_no_two_write_to_one_place_whoever_posted_them_where(ledger: Ledger) -> None:
    put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)

    with pytest.raises(StoreUnavailable, match="is writing to file:///out/1 now"):
        record(ledger, new(1), DAG, "manual__1")

    id = record(ledger, new(2), DAG, "manual__2")
    put(ledger, new(2))
    assert held_by(ledger, run_id="next").take("acme", "bulk", 5) == []
    task = _task(ledger, "manual__2")
    task.adopt(id)
    task.finish([Ended(id, "done")])
    assert len(held_by(ledger, run_id="next").take("acme", "bulk", 5)) == 1


def test_a_native_run_that_ended_without_a_word_has_failed_and_is_begun_by_nobody_else(ledger: Ledger) -> None:
    id = record(ledger, new(1), DAG, "manual__1")
    let_pass(ledger, 3600)
    assert give_back(ledger) == GivenBack()

    give_back(ledger, over=["manual__1"])

    found = find(ledger, id)
    assert found is not None
    assert found["state"] == "failed"
    assert "Clear it there" in found["error"]
    assert held_by(ledger, run_id="next").take("acme", "bulk", 5) == []
