from __future__ import annotations

from airflow_datamove.ledger.change import cancel, retry, set_priority
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import Ended
from airflow_datamove.ledger.search import Query, count, find, search
from tests.ledger.queue import held_by, new, put, state


def test_pages_follow_one_another_newest_first_whatever_is_submitted_meanwhile(ledger: Ledger) -> None:
    ids = put(ledger, *(new(number) for number in range(25)))
    seen, cursor = list[str](), ""

    while True:
        page = search(ledger, Query(), limit=10, cursor=cursor)
        seen += [each["id"] for each in page.requests]
        put(ledger, new(100 + len(seen)))
        if not (cursor := page.cursor):
            break

    assert seen == ids[::-1]


def test_each_word_of_a_query_narrows(ledger: Ledger) -> None:
    one, two, three = put(
        ledger,
        new(1, client="ann", priority=10),
        new(2, tenant="globex", client="bob", lane="urgent", priority=80),
        new(3, client="bob", destination="file:///out/100%_done"),
    )
    held_by(ledger).take("acme", "bulk", 1)

    def found(**words: object) -> list[str]:
        query = Query(**words)  # type: ignore[arg-type]
        ids = sorted(each["id"] for each in search(ledger, query).requests)
        assert sum(count(ledger, query).values()) == len(ids)
        return ids

    assert found() == [one, two, three]
    assert found(tenants=["acme"]) == [one, three]
    assert found(tenants=[]) == []
    assert found(clients=["bob"], lanes=["urgent"]) == [two]
    assert found(states=["running"]) == [three]
    assert found(priority_from=50) == [two, three]
    assert found(source="in/2") == [two]
    assert found(destination="100%_") == [three]
    assert found(destination="1_0%") == []
    assert found(since=ledger.now() + 1000) == []
    assert found(until=ledger.now() + 1000) == [one, two, three]
    assert found(run_id="run") == [three]


def test_a_pending_request_tells_its_place(ledger: Ledger) -> None:
    low, high = put(ledger, new(1, priority=1), new(2, priority=2))

    place = find(ledger, low)
    assert place is not None
    assert place["position"] == 2
    place = find(ledger, high)
    assert place is not None
    assert place["position"] == 1
    assert find(ledger, "no such") is None


def test_what_is_pending_is_cancelled_at_once_and_never_begins(ledger: Ledger) -> None:
    ids = put(ledger, *(new(number) for number in range(1200)))

    assert cancel(ledger, Query(tenants=["acme"], states=["pending"])).changed == 1200

    assert count(ledger, Query()) == {"cancelled": 1200}
    assert held_by(ledger).take("acme", "bulk", 5) == []
    assert put(ledger, new(0)) != ids[:1]  # a cancelled one is not joined


def test_what_has_ended_well_is_neither_cancelled_nor_retried(ledger: Ledger) -> None:
    (id,) = put(ledger, new(1))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 1)
    lease.finish([Ended(id, "done")])

    assert cancel(ledger, Query(ids=[id])).changed == 0
    assert retry(ledger, Query(ids=[id])).changed == 0
    assert state(ledger, id) == "done"


def test_failed_ones_are_retried_in_bulk(ledger: Ledger) -> None:
    ids = put(ledger, *(new(number) for number in range(3)))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 3)
    lease.finish(Ended(id, "failed", error="x") for id in ids)

    assert retry(ledger, Query(states=["failed"])).changed == 3

    assert [each.tries for each in held_by(ledger, run_id="next").take("acme", "bulk", 3)] == [1, 1, 1]


def test_another_priority_gives_another_place(ledger: Ledger) -> None:
    first, second = put(ledger, new(1), new(2))

    assert set_priority(ledger, Query(ids=[second]), 99).changed == 1

    assert [each.id for each in held_by(ledger).take("acme", "bulk", 2)] == [second, first]
