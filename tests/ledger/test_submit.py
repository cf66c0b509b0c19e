from __future__ import annotations

import threading

import pytest

from airflow_datamove.errors import QueueFull
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.search import Query, count, find
from airflow_datamove.ledger.submit import submit
from tests.ledger.queue import held_by, new, put, state


def test_ten_thousand_in_one_call_are_all_there(ledger: Ledger) -> None:
    answers = submit(ledger, [new(number) for number in range(10_000)])

    assert len({each.id for each in answers}) == 10_000
    assert count(ledger, Query()) == {"pending": 10_000}


def test_an_idempotency_key_makes_a_repeated_call_harmless(ledger: Ledger) -> None:
    first = submit(ledger, [new(1, idempotency_key="k", join=False)])[0]
    held_by(ledger).take("acme", "bulk", 1)

    again = submit(ledger, [new(1, idempotency_key="k", join=False), new(2, idempotency_key="l")])

    assert again[0].id == first.id
    assert again[0].repeated
    assert not again[1].repeated


def test_another_tenants_key_is_another(ledger: Ledger) -> None:
    answers = submit(ledger, [new(1, idempotency_key="k"), new(1, tenant="globex", idempotency_key="k")])

    assert len({each.id for each in answers}) == 2


def test_the_same_work_queued_twice_is_joined_and_takes_the_higher_priority(ledger: Ledger) -> None:
    first = submit(ledger, [new(1, priority=10)])[0]

    again = submit(ledger, [new(1, priority=70)])[0]

    assert (again.id, again.joined) == (first.id, True)
    found = find(ledger, first.id)
    assert found is not None
    assert (found["priority"], found["joined"]) == (70, 1)


def test_twins_of_one_call_are_joined_too(ledger: Ledger) -> None:
    one, other = submit(ledger, [new(1), new(1)])

    assert one.id == other.id


def test_work_that_runs_already_is_not_joined_for_it_may_have_read_the_source_before(ledger: Ledger) -> None:
    (first,) = put(ledger, new(1))
    held_by(ledger).take("acme", "bulk", 1)

    (second,) = put(ledger, new(1))

    assert second != first
    assert state(ledger, second) == "pending"


def test_who_does_not_want_to_be_joined_is_not(ledger: Ledger) -> None:
    one, other = put(ledger, new(1, join=False), new(1, join=False))

    assert one != other


def test_more_than_a_tenant_may_have_pending_is_refused_whole(ledger: Ledger) -> None:
    put(ledger, new(0, tenant="globex"), new(1))

    with pytest.raises(QueueFull, match=r"tenant 'acme' may have 3"):
        submit(ledger, [new(number) for number in range(2, 5)], most={"acme": 3, "globex": 1})

    assert count(ledger, Query(tenants=["acme"])) == {"pending": 1}
    submit(ledger, [new(2), new(3)], most={"acme": 3})


def test_many_who_submit_the_same_at_once_get_one_request(ledger: Ledger) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(put(ledger, new(1)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


def test_names_of_any_kind_come_back_as_they_were(ledger: Ledger) -> None:
    name = "file:///out/a b/\N{SNOWMAN}\N{PILE OF POO}%'\"\\\n.txt"
    (id,) = put(ledger, new(1, destination=name))

    found = find(ledger, id)

    assert found is not None
    assert found["destination"] == found["conf"]["destination"] == name
