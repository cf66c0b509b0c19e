from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.ledger.clock import now_ms
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import HEADROOM, PERIOD, SETTLE, Reservation, Standing
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.transfers import GRACE, LedgerBoard, TaskOf, adopt, keep, remove, silent
from airflow_datamove.ledger.upgrade import upgrade

C = 8_000_000
ROOM = C * (1 - HEADROOM)


def standing(name: str, share: int = 1, **changes: object) -> Standing:
    made = Standing(name, name, "normal", share, C // 4, 10**12, 0, 0)
    return replace(made, **changes)  # type: ignore[arg-type]


def reservation(ledger: Ledger, name: str, share: int = 1, task: TaskOf | None = None) -> Reservation:
    return Reservation(LedgerBoard(ledger, task), "wan", standing(name, share), lambda now: C, lambda steps: None)


def rates(ledger: Ledger) -> dict[str, int]:
    with ledger.look() as connection:
        return {row.id: row.rate for row in connection.execute(select(transfer.c.id, transfer.c.rate))}


def later(ledger: Ledger, seconds: float, *names: str) -> None:
    """As if these had not been renewed for so long."""
    with ledger.begin() as connection:
        where = transfer.c.id.in_(names) if names else transfer.c.id != ""
        connection.execute(update(transfer).where(where).values(beat_at=transfer.c.beat_at - int(seconds * 1000)))


def test_what_is_free_is_taken_at_once_and_given_way_in_two_renewals(ledger: Ledger) -> None:
    one, other = reservation(ledger, "one"), reservation(ledger, "other", 3)
    assert one.renew() == PERIOD
    assert one.steps.at(time.monotonic()) == int(ROOM)

    assert other.renew() == PERIOD
    assert other.steps.at(time.monotonic()) == 0
    assert one.renew() == SETTLE
    assert one.steps.at(time.monotonic()) == pytest.approx(ROOM / 4, abs=1)
    assert rates(ledger)["one"] == int(ROOM), "what was promised at the old rate may still flow"
    other.renew()
    assert other.steps.at(time.monotonic()) == 0
    time.sleep(SETTLE)
    assert one.renew() == PERIOD
    other.renew()

    assert rates(ledger) == {"one": pytest.approx(ROOM / 4, abs=1), "other": pytest.approx(ROOM * 3 / 4, abs=2)}
    assert other.steps.at(time.monotonic()) == rates(ledger)["other"]


def test_many_at_once_never_reserve_more_than_there_is(ledger: Ledger) -> None:
    threads, sums, troubles = [], [], []

    def live(number: int) -> None:
        held = reservation(ledger, f"{number}", 1 + number % 5)
        try:
            for _ in range(6):
                time.sleep(min(0.1, held.renew()))
            held.end()
        except Exception as error:
            troubles.append(error)

    for number in range(8):
        threads.append(threading.Thread(target=live, args=(number,)))
        threads[-1].start()
    while any(thread.is_alive() for thread in threads):
        with ledger.look() as connection:
            sums.append(int(connection.scalar(select(func.coalesce(func.sum(transfer.c.rate), 0))) or 0))
        time.sleep(0.01)

    assert troubles == []
    assert 0 < max(sums) <= ROOM
    assert rates(ledger) == {}


def test_one_that_is_not_renewed_counts_as_its_slots(ledger: Ledger) -> None:
    dead, other = reservation(ledger, "dead", 4), reservation(ledger, "other")
    dead.renew()
    other.renew()
    later(ledger, 3.5, "dead")

    other.renew()

    assert other.steps.at(time.monotonic()) == pytest.approx(ROOM - C // 4, abs=1)


def test_after_the_ledger_was_away_nobody_is_taken_for_dead_at_once(ledger: Ledger) -> None:
    one, other = reservation(ledger, "one", 4), reservation(ledger, "other")
    one.renew()
    other.renew()
    later(ledger, 60)

    other.renew()

    assert other.steps.at(time.monotonic()) == 0, "the other may still use what it had"


def test_a_clock_that_was_set_back_makes_nobody_look_dead_nor_alive_for_ever(ledger: Ledger) -> None:
    one, other = reservation(ledger, "one", 4), reservation(ledger, "other")
    one.renew()
    other.renew()
    later(ledger, -3600, "one")

    other.renew()

    assert other.steps.at(time.monotonic()) == 0
    with ledger.look() as connection:
        beat = connection.scalar(select(transfer.c.beat_at).where(transfer.c.id == "one"))
        assert abs(int(beat or 0) - int(connection.scalar(select(now_ms())) or 0)) < 10_000


def test_a_retry_takes_the_place_of_the_try_before_and_waits_until_that_has_heard(ledger: Ledger) -> None:
    orphan, retry = reservation(ledger, "task"), reservation(ledger, "task")
    orphan.renew()

    retry.renew()
    assert retry.steps.at(time.monotonic()) == 0
    assert rates(ledger) == {"task": int(ROOM)}, "the orphan may be using it"
    orphan.renew()
    assert orphan.superseded
    assert orphan.steps.at(time.monotonic() + 100) == 0
    orphan.end()
    assert rates(ledger) == {"task": int(ROOM)}, "an orphan takes nothing off"

    time.sleep(3)
    retry.renew()
    assert retry.steps.at(time.monotonic()) == int(ROOM)
    retry.end()
    assert rates(ledger) == {}


def test_who_was_taken_off_begins_anew(ledger: Ledger) -> None:
    one = reservation(ledger, "one")
    one.renew()
    remove(ledger, ["one"])

    one.renew()
    assert one.steps.at(time.monotonic()) in (0, int(ROOM))
    time.sleep(SETTLE)
    one.renew()
    assert one.steps.at(time.monotonic()) == int(ROOM)


def test_a_job_keeps_what_it_was_given(ledger: Ledger) -> None:
    board = LedgerBoard(ledger)
    with board.turn("wan") as turn:
        turn.write(standing("job", rate=C // 8, aim=C // 8, fixed=True, holder="x"))
    later(ledger, 3600)
    one = reservation(ledger, "one")

    one.renew()

    assert one.steps.at(time.monotonic()) == pytest.approx(ROOM - C // 8, abs=1)
    task = TaskOf("acme.copy", "run2", "distcp", 1)
    assert adopt(ledger, "one", task) is None
    assert adopt(ledger, "job", task) == C // 8
    later(ledger, GRACE + 1, "job")
    assert silent(ledger) == {"job": (task, True)}


def test_those_that_nobody_renews_are_told_with_their_tasks_and_removed_unless_they_are_back(ledger: Ledger) -> None:
    task = TaskOf("acme.copy", "run1", "copy", 3)
    one, other = reservation(ledger, "one", task=task), reservation(ledger, "other", task=task)
    one.renew()
    other.renew()
    assert silent(ledger) == {}
    later(ledger, GRACE + 1)
    assert silent(ledger) == {"one": (task, False), "other": (task, False)}
    keep(ledger, "other")

    assert remove(ledger, ["one", "other"], silent=GRACE) == 1

    assert set(rates(ledger)) == {"other"}


def test_the_id_is_that_of_the_task_whatever_the_try() -> None:
    task = TaskOf("dag", "run", "copy", -1)
    assert task.copy_id() == TaskOf("dag", "run", "copy", -1).copy_id()
    assert len({task.copy_id(), task.job_id(), task.job_id("r"), TaskOf("dag", "run", "copy", 0).copy_id()}) == 4
    assert task.job_id("r") == TaskOf("dag", "another run", "copy", -1).job_id("r")


def test_links_do_not_touch_one_another(ledger: Ledger) -> None:
    one = reservation(ledger, "one")
    other = replace(reservation(ledger, "other"), link="lan")
    one.renew()
    other.renew()
    assert other.steps.at(time.monotonic()) == int(ROOM)


def test_a_retry_on_another_link_leaves_nothing_on_the_first(ledger: Ledger) -> None:
    one, other = reservation(ledger, "task"), replace(reservation(ledger, "task"), link="lan")
    one.renew()
    other.renew()
    with ledger.look() as connection:
        assert connection.scalars(select(transfer.c.link)).all() == ["lan"]


def test_a_database_that_is_away_is_told() -> None:
    away = Ledger("postgresql+psycopg://me:x@127.0.0.1:1/x")
    with pytest.raises(LedgerUnavailable):
        reservation(away, "one").renew()


def test_a_process_that_stands_still_keeps_the_link_from_nobody_for_long(urls: dict[str, str]) -> None:
    """In PostgreSQL; SQLite and MariaDB know no such limit for one transaction."""
    ledger = Ledger(urls["postgres"])
    upgrade(ledger)
    held, over = threading.Event(), threading.Event()

    def stand_still() -> None:
        with suppress(Exception), LedgerBoard(ledger).turn("paused"):
            held.set()
            over.wait(20)

    thread = threading.Thread(target=stand_still)
    thread.start()
    held.wait(10)
    other = replace(reservation(ledger, "other"), link="paused")
    deadline = time.monotonic() + 10
    while other.steps.at(time.monotonic()) == 0 and time.monotonic() < deadline:
        with suppress(LedgerUnavailable):
            other.renew()

    assert other.steps.at(time.monotonic()) == int(ROOM)
    over.set()
    thread.join()
    ledger.close()
