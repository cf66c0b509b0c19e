from __future__ import annotations

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.estimate import estimate, warn_of_late
from airflow_datamove.ledger.lease import Ended
from airflow_datamove.ledger.prune import prune
from airflow_datamove.ledger.search import Query, count, find
from airflow_datamove.ledger.submit import due_of
from airflow_datamove.ledger.tables import request
from tests.ledger.queue import held_by, new, put, state


def _have_ended(ledger: Ledger, many: int, seconds_each: float) -> None:
    """So many have ended one after the other, each of which took so long."""
    ids = put(ledger, *(new(1000 + number) for number in range(many)))
    lease = held_by(ledger, run_id="before")
    lease.take("acme", "bulk", many)
    lease.finish(Ended(id, "done") for id in ids)
    now = ledger.now()
    for number, id in enumerate(ids):
        end = now - int((many - number) * seconds_each * 1000)
        with ledger.begin() as connection:
            connection.execute(
                request.update()
                .where(request.c.id == id)
                .values(started_at=end - int(seconds_each * 1000), ended_at=end)
            )


def test_where_nothing_has_ended_yet_nobody_knows(ledger: Ledger) -> None:
    put(ledger, new(1))

    found = estimate(ledger, "acme", "bulk", due_of(ledger.now() + 1, 0), deadline_at=1)

    assert (found.ahead, found.seconds, found.met) == (1, None, None)


def test_what_comes_first_and_how_fast_it_goes_is_what_there_is_to_wait_for(ledger: Ledger) -> None:
    _have_ended(ledger, 20, 10.0)
    put(ledger, *(new(number, priority=50) for number in range(6)))
    now = ledger.now()

    last = estimate(ledger, "acme", "bulk", due_of(now + 1, 10), deadline_at=now + 600_000)
    first = estimate(ledger, "acme", "bulk", due_of(now, 99), deadline_at=now + 60_000)

    assert (last.ahead, last.met) == (6, True)
    assert last.seconds is not None
    assert 60 <= last.seconds <= 80
    assert (first.ahead, first.met) == (0, True)
    assert estimate(ledger, "acme", "bulk", due_of(now + 1, 10), deadline_at=now + 30_000).met is False


def test_who_will_be_late_is_warned_of_once_and_before_it_is(ledger: Ledger) -> None:
    _have_ended(ledger, 20, 10.0)
    now = ledger.now()
    put(ledger, *(new(number, priority=50) for number in range(30)))
    tight, loose, none = put(
        ledger,
        new(100, priority=0, deadline_at=now + 60_000),
        new(101, priority=0, deadline_at=now + 3_600_000),
        new(102),
    )

    assert warn_of_late(ledger) == [tight]
    assert warn_of_late(ledger) == []
    found = find(ledger, tight)
    assert found is not None
    assert "too much comes first" in found["warning"]
    assert [state(ledger, each) for each in (tight, loose, none)] == ["pending"] * 3


def test_what_ended_long_ago_is_forgotten_and_nothing_else(ledger: Ledger) -> None:
    ids = put(ledger, *(new(number) for number in range(6)))
    lease = held_by(ledger)
    lease.take("acme", "bulk", 5)
    for id, ended in zip(ids, ("done", "failed", "cancelled", "done"), strict=False):
        lease.finish([Ended(id, ended)])
    with ledger.begin() as connection:
        connection.execute(request.update().where(request.c.id != ids[3]).values(ended_at=ledger_days_ago(ledger, 91)))
        connection.execute(request.update().where(request.c.id == ids[4]).values(state="dead"))

    assert prune(ledger, days=90) == 3

    assert count(ledger, Query()) == {"done": 1, "dead": 1, "pending": 1}


def ledger_days_ago(ledger: Ledger, days: int) -> int:
    return ledger.now() - days * 86_400_000
