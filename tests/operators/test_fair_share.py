"""Three tenants on one link, over real sockets, measured where the bytes arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import HEADROOM
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.transfers import TaskOf
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.operators.fair_share import FairShare, NotEveryones, everyones_ledger
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.transfer.throttle import BURST, Throttle
from tests.conftest import STATE
from tests.operators.streams import Receiver, Sender, receiving
from tests.servers import start, stop

MIB = 2**20
C = 20 * MIB
SHARES = {"one": 1, "two": 2, "five": 5}
BURSTS = 1 + BURST + 0.05
"""What a throttle may let pass in one second: its burst, and one piece (transfer/throttle.py)."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(ledger)
    ledger.close()
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """A ledger on a PostgreSQL of its own, and what stops it."""
    state = STATE / "shares"
    server = start("postgres", state)
    url = server["dsn"].replace("postgresql://", "postgresql+psycopg://")
    ledger = Ledger(url)
    upgrade(ledger)
    with ledger.begin() as connection:
        connection.execute(transfer.delete())
    ledger.close()
    yield url, lambda: stop("postgres", state)
    stop("postgres", state)


def limits(**changes: object) -> Limits:
    values = {
        "tenant": "acme",
        "link": "wan",
        "read": (),
        "write": (),
        "max_lane": "normal",
        "max_slots": 1,
        "slot_rate": MIB,
        "worker_slots": 1,
        "distcp_slots": 1,
        "urgent_slots": 1,
        "capacity": f"UTC 0={C}",
    }
    return Limits(**{**values, **changes})  # type: ignore[arg-type]


def transfers(url: str) -> int:
    ledger = Ledger(url)
    with ledger.look() as connection:
        found = int(connection.scalar(select(func.count()).select_from(transfer)) or 0)
    ledger.close()
    return found


def sending(url: str, receiver: Receiver, tenant: str, number: int = 0) -> Sender:
    return Sender(url, receiver, tenant, SHARES[tenant], number, C // 3, f"UTC 0={C}")


def near(found: float, wanted: float) -> bool:
    """Hardly above, and below only by what a busy machine keeps from a sender; benchmarks/shares.py has the figures."""
    return 0.85 * wanted < found < 1.05 * wanted


def until(receiver: Receiver, moment: float) -> None:
    time.sleep(max(0.0, moment - receiver.now))


def test_three_tenants_that_come_and_go_share_the_link_by_one_two_and_five(url: str) -> None:
    with receiving() as receiver, ExitStack() as stack:
        running = {tenant: sending(url, receiver, tenant) for tenant in SHARES}
        for sender in running.values():
            stack.callback(sender.kill)

        def comes(tenant: str) -> float:
            running[tenant].go()
            return receiver.now

        comes("one")
        came = comes("two")
        until(receiver, came + 9)
        assert near(receiver.rate(came + 5, came + 9, "two"), C * (1 - HEADROOM) * 2 / 3)
        came = comes("five")
        until(receiver, came + 13)
        for tenant, share in SHARES.items():
            assert near(receiver.rate(came + 5, came + 13, tenant), C * (1 - HEADROOM) * share / 8)
        assert receiver.rate(came + 5, came + 13) > 0.9 * C
        running["two"].end()
        went = receiver.now
        until(receiver, went + 10)
        assert near(receiver.rate(went + 5, went + 10, "five"), C * (1 - HEADROOM) * 5 / 6)
        assert receiver.rate(went + 5, went + 10) > 0.9 * C
        running["five"].end()
        running["one"].end()

        assert receiver.highest(0, receiver.now) <= C * BURSTS
        assert transfers(url) == 0


def test_without_the_ledger_each_has_its_slots_and_the_link_is_not_over(
    postgres: tuple[str, Callable[[], None]],
) -> None:
    url, stop_it = postgres
    with receiving() as receiver, ExitStack() as stack:
        running = [sending(url, receiver, tenant) for tenant in SHARES]
        for sender in running:
            stack.callback(sender.kill)
        for sender in running:
            sender.go()
        began = receiver.now
        until(receiver, began + 9)
        assert near(receiver.rate(began + 5, began + 9, "five"), C * (1 - HEADROOM) * 5 / 8)
        stop_it()
        away = receiver.now
        until(receiver, away + 14)

        for tenant in SHARES:
            assert near(receiver.rate(away + 8, away + 14, tenant), C / 3)
        assert receiver.highest(0, receiver.now) <= C * BURSTS


def test_one_that_is_slow_by_itself_lends_what_it_leaves(url: str) -> None:
    with receiving() as receiver, ExitStack() as stack:
        slow = Sender(url, receiver, "five", 5, 0, C // 3, f"UTC 0={C}", own_rate=2 * MIB)
        for sender in (slow, other := sending(url, receiver, "one")):
            stack.callback(sender.kill)
        slow.go()
        other.go()
        began = receiver.now
        until(receiver, began + 14)

        assert near(receiver.rate(began + 8, began + 14, "five"), 2 * MIB)
        assert receiver.rate(began + 8, began + 14, "one") > 0.75 * C, "its own share is a sixth"


def test_where_the_link_is_not_shared_or_no_ledger_is_everyones_the_rate_is_that_of_the_slots() -> None:
    def own() -> Ledger:
        raise NotEveryones("a file of this machine")

    for made in (limits(capacity=""), limits()):
        throttle = Throttle(1)
        with FairShare(throttle, made, "normal", 3, TaskOf(), own) as share:
            assert throttle.rate == 3 * MIB
            assert share.reservation is None
        assert throttle.rate == 3 * MIB


@pytest.mark.parametrize(
    ("name", "value"), [("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")]
)
def test_a_file_of_this_machine_is_everyones_only_where_all_tasks_run_here(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert everyones_ledger().sqlite
    monkeypatch.setenv(name, value)
    with pytest.raises(NotEveryones, match="no connection datamove_ledger is declared"):
        everyones_ledger()
    monkeypatch.setenv("AIRFLOW_CONN_DATAMOVE_LEDGER", f'{{"conn_type": "sqlite", "host": "{tmp_path}/everyones.db"}}')
    assert everyones_ledger().name.endswith("everyones.db")


def test_who_cannot_open_the_ledger_has_its_part_of_the_headroom_until_it_can(url: str) -> None:
    tries: list[int] = []

    def opened() -> Ledger:
        tries.append(1)
        if len(tries) < 3:
            raise LedgerUnavailable("away")
        return Ledger(url)

    throttle = Throttle(1)
    with FairShare(throttle, limits(), "normal", 3, TaskOf(), opened):
        assert throttle.rate == int(3 * MIB * HEADROOM)
        deadline = time.monotonic() + 15
        while throttle.rate == int(3 * MIB * HEADROOM) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert throttle.rate == int(C * (1 - HEADROOM))
    assert transfers(url) == 0
