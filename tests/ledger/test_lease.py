from __future__ import annotations

import threading
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import Ended, Lease
from airflow_datamove.ledger.search import Query, count, find
from airflow_datamove.ledger.submit import STEP, NewRequest, submit
from airflow_datamove.ledger.tables import request
from tests.ledger.queue import held_by, new, put, state


def test_the_highest_priority_is_taken_first_and_then_the_oldest(ledger: Ledger) -> None:
    low, high, other, low_again = put(
        ledger, new(1, priority=10), new(2, priority=90), new(3, priority=50, lane="normal"), new(4, priority=10)
    )

    taken = held_by(ledger).take("acme", "bulk", 10)

    assert [each.id for each in taken] == [high, low, low_again]
    assert state(ledger, other) == "pending"
    assert [each.tries for each in taken] == [1, 1, 1]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(priorities=st.lists(st.integers(0, 99), min_size=1, max_size=30), bites=st.lists(st.integers(1, 7), min_size=1))
def test_the_order_is_exact_whatever_the_bites(ledger: Ledger, priorities: list[int], bites: list[int]) -> None:
    with ledger.begin() as connection:
        connection.execute(request.delete())
    ids = put(ledger, *(new(number, priority=priority) for number, priority in enumerate(priorities)))
    lease, taken = held_by(ledger), list[str]()

    while len(taken) < len(ids):
        taken += [each.id for each in lease.take("acme", "bulk", bites[len(taken) % len(bites)])]

    assert taken == [id for _, id in sorted(zip(priorities, ids, strict=True), key=lambda each: (-each[0], each[1]))]


def test_who_has_waited_long_goes_before_who_is_a_little_more_urgent(ledger: Ledger) -> None:
    old, fresh, urgent = put(ledger, new(1, priority=10), new(2, priority=11), new(3, priority=13))
    with ledger.begin() as connection:
        connection.execute(
            request.update().where(request.c.id == old).values(due=request.c.due - 2 * STEP, submitted_at=0)
        )

    assert [each.id for each in held_by(ledger).take("acme", "bulk", 3)] == [urgent, old, fresh]


def test_two_runs_never_hold_one_request(ledger: Ledger) -> None:
    put(ledger, *(new(number) for number in range(300)))
    taken: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        lease = held_by(ledger, run_id=f"run{number}")
        while bite := lease.take("acme", "bulk", 7):
            with lock:
                taken.update(each.id for each in bite)
            assert not lease.finish(Ended(each.id, "done") for each in bite)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 300
    assert set(taken.values()) == {1}
    assert count(ledger, Query()) == {"done": 300}


def test_two_that_write_to_one_place_run_one_after_the_other(ledger: Ledger) -> None:
    first, second, free = put(
        ledger,
        new(1, destination="file:///out/x"),
        new(2, destination="file:///out/x/"),
        new(3, destination="file:///out/y"),
    )
    lease, other = held_by(ledger), held_by(ledger, run_id="other")

    assert [each.id for each in lease.take("acme", "bulk", 10)] == [first, free]
    assert other.take("acme", "bulk", 10) == []
    lease.finish([Ended(first, "failed")])
    assert [each.id for each in other.take("acme", "bulk", 10)] == [second]


def test_another_tenants_writing_holds_a_place_too(ledger: Ledger) -> None:
    put(ledger, new(1, destination="file:///out/x"), new(2, tenant="globex", destination="file:///out/x"))

    assert held_by(ledger).take("acme", "bulk", 1)
    assert not held_by(ledger, run_id="other").take("globex", "bulk", 1)


def test_a_failure_that_may_pass_goes_back_with_a_pause_and_at_last_fails(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    for tries in range(1, 6):
        assert [each.tries for each in lease.take("acme", "bulk", 1)] == [tries]
        lease.finish([Ended(id, "failed", error="the server hangs", retryable=True)])
        assert lease.take("acme", "bulk", 1) == []  # it waits a while
        with ledger.begin() as connection:
            connection.execute(request.update().values(not_before=0))

    found = find(ledger, id)
    assert found is not None
    assert (found["state"], found["error"], found["tries"]) == ("failed", "the server hangs", 5)


def test_a_final_failure_is_not_tried_again(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)

    lease.finish([Ended(id, "failed", error="no such file")])

    assert state(ledger, id) == "failed"


def test_a_report_is_kept(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)

    lease.finish([Ended(id, "handled", {"route": "worker", "bytes": 5, "files": 1})])

    found = find(ledger, id)
    assert found is not None
    assert (found["state"], found["bytes"], found["route"], found["report"]["files"]) == ("handled", 5, "worker", 1)
    assert found["ended_at"] >= found["started_at"] >= found["submitted_at"]


def test_the_next_try_takes_over_at_once_and_the_orphan_can_write_nothing(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    orphan = held_by(ledger)
    orphan.take("acme", "bulk", 1)

    retry = held_by(ledger, try_number=2)

    assert [each.id for each in retry.held()] == [id]
    assert orphan.beat().lost
    assert orphan.finish([Ended(id, "failed")]) == {id}
    assert orphan.give_back() == 0
    assert not orphan.hand_over(id)
    assert retry.finish([Ended(id, "done")]) == set()
    assert state(ledger, id) == "done"


def test_another_task_of_the_run_takes_over_nothing(ledger: Ledger) -> None:
    put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)

    assert held_by(ledger, task="copy2").held() == []
    assert held_by(ledger, task="copy/1").held() == []


def test_what_is_given_back_keeps_its_place_and_its_tries(ledger: Ledger) -> None:
    first, second = put(ledger, new(1), new(2))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)

    assert lease.give_back() == 1

    assert [(each.id, each.tries) for each in held_by(ledger, run_id="next").take("acme", "bulk", 2)] == [
        (first, 1),
        (second, 1),
    ]


def test_a_beat_tells_what_is_to_be_cancelled_and_shows_the_progress(ledger: Ledger) -> None:
    from airflow_datamove.ledger.change import cancel

    first, second = put(ledger, new(1), new(2))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 2)
    assert cancel(ledger, Query(ids=[first])).asked == 1

    beat = lease.beat({second: {"bytes_done": 7, "bytes": 10}})

    assert beat.held == {first, second}
    assert beat.cancelling == {first}
    assert not beat.lost
    found = find(ledger, second)
    assert found is not None
    assert (found["bytes"], found["report"]["bytes"]) == (7, 10)


def test_a_large_request_passes_to_another_task_and_back_to_nobody_else(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)

    assert lease.hand_over(id)

    assert lease.finish([Ended(id, "done")]) == {id}
    assert not Lease(ledger, "acme.copy.bulk", "another run", "distcp/0", 1).adopt(id)
    distcp = Lease(ledger, "acme.copy.bulk", "run", "distcp/0", 1)
    assert distcp.adopt(id)
    assert not Lease(ledger, "acme.copy.bulk", "run", "distcp/1", 1).adopt(id)
    retry = Lease(ledger, "acme.copy.bulk", "run", "distcp/0", 2)
    assert retry.adopt(id, waits=True)
    assert distcp.finish([Ended(id, "done")]) == {id}
    assert retry.finish([Ended(id, "done")]) == set()


def test_whoever_takes_asks_for_no_other_lane_and_tenant(ledger: Ledger) -> None:
    requests: list[NewRequest] = [new(1, lane="urgent"), new(2, tenant="globex")]
    submit(ledger, requests)

    assert held_by(ledger).take("acme", "bulk", 5) == []
