from __future__ import annotations

from airflow_datamove.ledger.change import cancel, retry
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.give_back import GivenBack, give_back, live_runs
from airflow_datamove.ledger.lease import Ended, Lease
from airflow_datamove.ledger.search import Query, find
from airflow_datamove.ledger.tables import lease as lease_table
from tests.ledger.queue import held_by, let_pass, new, put, state


def test_a_dead_workers_request_returns_by_itself(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)

    assert give_back(ledger) == GivenBack()
    let_pass(ledger, 70)
    assert give_back(ledger) == GivenBack(pending=1)

    assert state(ledger, id) == "pending"
    assert [each.tries for each in held_by(ledger, run_id="next").take("acme", "bulk", 1)] == [2]


def test_who_beats_keeps_what_he_has(ledger: Ledger) -> None:
    put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)
    let_pass(ledger, 70)

    lease.beat()

    assert give_back(ledger) == GivenBack()


def test_a_request_that_several_workers_died_with_is_dead_until_someone_looks(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    for number in range(3):
        held_by(ledger, run_id=f"run{number}").take("acme", "bulk", 1)
        let_pass(ledger, 70)
        give_back(ledger)

    found = find(ledger, id)
    assert found is not None
    assert (found["state"], found["deaths"]) == ("dead", 3)
    assert "3 workers died" in found["error"]
    assert found["ended_at"] is not None
    assert held_by(ledger, run_id="next").take("acme", "bulk", 1) == []

    assert retry(ledger, Query(ids=[id])).changed == 1
    assert held_by(ledger, run_id="again").take("acme", "bulk", 1)[0].tries == 1


def test_what_was_to_be_cancelled_is_not_begun_again(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)
    cancel(ledger, Query(ids=[id]))
    let_pass(ledger, 70)

    assert give_back(ledger) == GivenBack(cancelled=1)
    assert state(ledger, id) == "cancelled"


def test_the_end_of_a_run_is_believed_after_a_grace(ledger: Ledger) -> None:
    put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)
    assert live_runs(ledger) == [("acme.copy.bulk", "run")]

    assert give_back(ledger, over=["run"]) == GivenBack()
    let_pass(ledger, 16)
    assert give_back(ledger, over=["another"]) == GivenBack()
    assert give_back(ledger, over=["run"]) == GivenBack(pending=1)
    assert live_runs(ledger) == []


def test_what_was_handed_over_needs_no_beat_but_ends_with_its_run(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)
    lease.hand_over(id)
    let_pass(ledger, 3600)

    give_back(ledger)
    assert state(ledger, id) == "running"
    give_back(ledger, over=["run"])
    assert state(ledger, id) == "pending"


def test_a_request_whose_lease_is_nowhere_returns(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)
    with ledger.begin() as connection:
        connection.execute(lease_table.delete())

    assert give_back(ledger) == GivenBack(pending=1)
    assert state(ledger, id) == "pending"


def test_what_has_ended_is_left_alone(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)
    lease.finish([Ended(id, "done")])
    let_pass(ledger, 3600)

    assert give_back(ledger, over=["run"]) == GivenBack()
    assert state(ledger, id) == "done"


def test_the_job_of_what_nobody_will_work_on_is_to_be_ended_and_of_the_rest_not(ledger: Ledger) -> None:
    ids = put(ledger, *(new(number) for number in range(2)))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 2)
    for id in ids:
        lease.hand_over(id)
        assert Lease(ledger, "acme.copy.bulk", "run", f"distcp/{id}", 1).adopt(id, waits=True, job=f"cluster|{id}")
    cancel(ledger, Query(ids=[ids[0]]))
    let_pass(ledger, 20)

    returned = give_back(ledger, over=["run"])

    assert (returned.pending, returned.cancelled, returned.jobs) == (1, 1, (f"cluster|{ids[0]}",))


def test_where_a_dead_ones_job_may_still_write_nobody_else_does_until_a_person_has_looked(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    for number in range(3):
        held_by(ledger, run_id=f"run{number}").take("acme", "bulk", 1)
        let_pass(ledger, 70)
        give_back(ledger)
    assert state(ledger, id) == "dead"
    put(ledger, new(1))

    assert held_by(ledger, run_id="next").take("acme", "bulk", 1) == []
    cancel(ledger, Query(ids=[id]))
    assert len(held_by(ledger, run_id="next").take("acme", "bulk", 1)) == 1


def test_what_a_person_has_done_anew_is_another_generation(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    assert [each.generation for each in lease.take("acme", "bulk", 1)] == [0]
    lease.finish([Ended(id, "handled")])
    retry(ledger, Query(ids=[id]))

    assert [each.generation for each in lease.take("acme", "bulk", 1)] == [1]
