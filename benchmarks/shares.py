"""Shares of a link: three tenants of 1, 2 and 5 that come and go for five minutes over real sockets, counted where the
bytes arrive, with the ledger in PostgreSQL. Each transfer is a process that sends by a throttle over four connections.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.reserve import HEADROOM
from airflow_datamove.ledger.tables import transfer
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.transfer.throttle import BURST
from benchmarks.ends import MIB
from benchmarks.measure import Row, say
from tests.operators.streams import Receiver, Sender, receiving
from tests.servers import start

CAPACITY = 40 * MIB
SHARES = {"one": 1, "two": 2, "five": 5}
_SECONDS = 300.0
_TIMELINE = (
    (60.0, "-", "five 0"),
    (100.0, "+", "five 1"),
    (140.0, "+", "one 1"),
    (140.0, "+", "one 2"),
    (180.0, "-", "two 0"),
    (220.0, "+", "two 1"),
    (260.0, "-", "one 0"),
)
"""When which transfer of a tenant comes or goes. One of each is there from the beginning."""
_SETTLED = 0.1
_IN_A_SECOND = 1 + BURST + 0.05


def rows(state: Path) -> list[Row]:
    """Runs it once."""
    url = start("postgres", state)["dsn"].replace("postgresql://", "postgresql+psycopg://")
    ledger = Ledger(url)
    upgrade(ledger)
    with ledger.begin() as connection:
        connection.execute(transfer.delete())
    ledger.close()
    with receiving() as receiver:
        began, events, costs = _run(url, receiver)
        return _figures(receiver, began, events, costs)


def _run(url: str, receiver: Receiver) -> tuple[float, list[tuple[float, dict[str, int]]], list[dict[str, float]]]:
    """When it began; at each event the moment and how many transfers each tenant has then; what the senders spent."""
    names = ["one 0", "two 0", "five 0", *(name for _, way, name in _TIMELINE if way == "+")]
    senders: dict[str, Sender] = {}
    for name in names:
        tenant, number = name.split()
        senders[name] = Sender(url, receiver, tenant, SHARES[tenant], int(number), CAPACITY // 6, f"UTC 0={CAPACITY}")
    costs: list[dict[str, float]] = []
    try:
        running = names[:3]
        for name in running:
            senders[name].go()
        began = receiver.now
        events = [(began, _count(running))]
        for at, way, name in _TIMELINE:
            time.sleep(max(0.0, began + at - receiver.now))
            if way == "+":
                senders[name].go()
                running = [*running, name]
            else:
                costs.append(senders[name].end())
                running = [each for each in running if each != name]
            events.append((receiver.now, _count(running)))
            say(f"  {at:.0f} s: {', '.join(running)}")
        time.sleep(max(0.0, began + _SECONDS - receiver.now))
        costs += [senders[name].end() for name in running]
    finally:
        for sender in senders.values():
            sender.kill()
    return began, events, costs


def _count(running: list[str]) -> dict[str, int]:
    return {tenant: sum(name.startswith(f"{tenant} ") for name in running) for tenant in SHARES}


def _ideal(there: dict[str, int], tenant: str) -> float:
    weights = sum(share for name, share in SHARES.items() if there[name])
    return CAPACITY * (1 - HEADROOM) * SHARES[tenant] / weights if there[tenant] else 0.0


def _figures(
    receiver: Receiver, began: float, events: list[tuple[float, dict[str, int]]], costs: list[dict[str, float]]
) -> list[Row]:
    end = began + _SECONDS
    spans = [(at, after, there) for (at, there), (after, _) in zip(events, [*events[1:], (end, {})], strict=True)]
    work = "three tenants of 1, 2 and 5 on 40 MiB/s, five minutes"
    found: list[Row] = []
    for tenant in SHARES:
        ideal = sum(_ideal(there, tenant) * (after - at) for at, after, there in spans) / _SECONDS
        error = (receiver.rate(began, end, tenant) / ideal - 1) * 100
        found.append(Row(f"{work}: {tenant}, off its share", "%", round(error, 2), ok=abs(error) <= 5))
    used = receiver.rate(began, end) / CAPACITY * 100
    found.append(Row(f"{work}: of the capacity used", "%", round(used, 2), ok=used >= 95))
    most = receiver.highest(began, end) / CAPACITY * 100
    found.append(Row(f"{work}: the highest second", "%", round(most, 2), ok=most <= 100 * _IN_A_SECOND))
    most = receiver.highest(began, end, 5.0) / CAPACITY * 100
    found.append(Row(f"{work}: the highest five seconds", "%", round(most, 2), ok=most <= 100))
    reactions = [_reaction(receiver, at, after, there) for at, after, there in spans if after - at > 10]
    found.append(Row(f"{work}: all within 10% of the new rates, median", "s", round(statistics.median(reactions), 1)))
    found.append(Row(f"{work}: the same, the slowest", "s", round(max(reactions), 1), ok=max(reactions) <= 5))
    renewals = sum(each["renewals"] for each in costs)
    for name, unit in (("ms", "ms"), ("cpu ms", "CPU ms")):
        mean = sum(each[name] * each["renewals"] for each in costs) / renewals
        found.append(
            Row(f"a renewal in PostgreSQL, up to five transfers, mean of {renewals:.0f}", unit, round(mean, 2))
        )
    return found


def _reaction(receiver: Receiver, at: float, after: float, there: dict[str, int]) -> float:
    """Seconds from an event to the begin of the first second in which every tenant has its new rate."""
    moment = at
    while moment + 1 <= after:
        rates = {tenant: receiver.rate(moment, moment + 1, tenant) for tenant in SHARES}
        if all(abs(rates[tenant] - _ideal(there, tenant)) <= _SETTLED * _ideal(there, tenant) for tenant in SHARES):
            return moment - at
        moment += 0.1
    return after - at
