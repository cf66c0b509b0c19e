from __future__ import annotations

from airflow_datamove.operators.demand import Demand

MOST, LEAST = 1_000_000, 1_000


class Transfer:
    """One that could use ``able`` bytes/s, and gets ``part`` of what it asks for, at most ``rate``."""

    def __init__(self, rate: int) -> None:
        self.now, self.passed, self.rate = 0.0, 0.0, rate
        self.demand = Demand(MOST, LEAST, 0.0)
        self.demand.planned([(0.0, rate)])

    def second(self, able: int) -> int:
        self.now += 1.0
        self.passed += min(able, self.rate)
        found = self.demand.measure(self.now, int(self.passed))
        self.allow(min(found, self.rate))
        return found

    def allow(self, rate: int) -> None:
        self.rate = rate
        self.demand.planned([(self.now, rate), (self.now + 2, rate // 2), (self.now + 6, rate)])


def test_who_uses_what_it_gets_wants_everything() -> None:
    transfer = Transfer(1000)
    assert {transfer.second(10**9) for _ in range(10)} == {MOST}


def test_who_is_slow_by_itself_asks_for_a_little_more_than_it_uses_and_stays_there() -> None:
    transfer = Transfer(100_000)
    found = [transfer.second(20_000) for _ in range(30)]
    assert found[:2] == [MOST, MOST], "it may just be beginning"
    assert set(found[3:]) == {25_000}


def test_who_gets_faster_has_all_it_wants_within_five_seconds() -> None:
    transfer = Transfer(100_000)
    for _ in range(10):
        transfer.second(2_000)
    found = []
    for _ in range(5):
        demand = transfer.second(10**9)
        transfer.allow(demand)
        found.append(demand)
    assert found[0] == 10_000
    assert found[-1] == MOST


def test_who_stands_still_can_begin_again() -> None:
    transfer = Transfer(100_000)
    for _ in range(20):
        transfer.second(0)
    assert transfer.second(0) == LEAST
    assert transfer.second(10**9) > LEAST


def test_one_second_below_its_rate_is_no_reason_to_ask_for_less() -> None:
    transfer = Transfer(100_000)
    assert [transfer.second(able) for able in (10**9, 10, 10**9, 10, 10, 10**9)] == [MOST] * 6


def test_what_was_planned_to_come_counts_as_what_was_allowed() -> None:
    demand = Demand(MOST, LEAST, 0.0)
    demand.planned([(0.0, 100_000), (2.0, 10_000)])
    for second in (1, 2, 3, 4, 5, 6):
        passed = min(second, 2) * 100_000 + max(0, second - 2) * 10_000
        assert demand.measure(float(second), passed) == MOST
