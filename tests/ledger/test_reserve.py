"""The rule of docs/adr/0014, on simulated time: never more than the capacity, and the shares kept."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.ledger.reserve import Steps
from tests.ledger.paper import HEADROOM, Mover, PaperBoard, SimulatedTime, fitting, hungry

C = 1_000_000


def constant(_: int) -> int:
    return C


class Watch:
    """Looks at the link every 50 ms."""

    def __init__(self, board: PaperBoard, movers: list[Mover], seconds: float, capacity: Callable[[], int]) -> None:
        self._board, self._movers, self._seconds, self._capacity = board, movers, seconds, capacity
        self.over: list[tuple[float, int, int]] = []
        self.used: list[tuple[float, dict[str, int]]] = []

    def look(self) -> None:
        time = self._board.time
        while time.now < self._seconds:
            most = sum(mover.may_flow() for mover in self._movers)
            if most > self._capacity():
                self.over.append((time.now, most, self._capacity()))
            self.used.append((time.now, {mover.name: mover.uses() for mover in self._movers}))
            time.sleep(0.05)

    def mean(self, name: str, begin: float, end: float) -> float:
        found = [used[name] for at, used in self.used if begin <= at < end]
        return sum(found) / len(found)

    def total(self, begin: float, end: float) -> float:
        return sum(self.mean(mover.name, begin, end) for mover in self._movers)


def until(edge: float, low: int) -> Callable[[float], int]:
    """Slow by itself until then."""
    return lambda now: low if now < edge else 10**12


def run(board: PaperBoard, movers: list[Mover], seconds: float, capacity: Callable[[], int] = lambda: C) -> Watch:
    watch = Watch(board, movers, seconds, capacity)
    board.time.run([*(mover.live for mover in movers), watch.look])
    return watch


def three(board: PaperBoard, **changes: tuple[float, float]) -> list[Mover]:
    spans = {"a": (0.0, 60.0), "b": (0.0, 60.0), "c": (0.0, 60.0)} | changes
    share = {"a": 1, "b": 2, "c": 5}
    return [
        Mover(board, name, name, share[name], C // 3, constant, begin, end, hungry)
        for name, (begin, end) in spans.items()
    ]


def test_three_that_want_everything_have_it_by_their_shares_and_all_of_it() -> None:
    board = PaperBoard(SimulatedTime())
    watch = run(board, three(board), 60)

    assert watch.over == []
    for name, share in (("a", 1), ("b", 2), ("c", 5)):
        assert watch.mean(name, 5, 60) == pytest.approx(C * (1 - HEADROOM) * share / 8, rel=0.02)


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.6, 0.9])
def test_a_new_rate_within_five_seconds_when_one_comes_or_goes(phase: float) -> None:
    board = PaperBoard(SimulatedTime())
    watch = run(board, three(board, c=(20.0 + phase, 40.0)), 60)

    assert watch.over == []
    assert watch.mean("c", 25 + phase, 40) == pytest.approx(C * (1 - HEADROOM) * 5 / 8, rel=0.02)
    assert watch.mean("b", 45, 60) == pytest.approx(C * (1 - HEADROOM) * 2 / 3, rel=0.02)
    assert watch.total(45, 60) > 0.975 * C


def test_what_one_leaves_others_have_until_it_wants_it_back() -> None:
    board = PaperBoard(SimulatedTime())
    movers = three(board)
    movers[2].demand = lambda time: C // 10 if 20 <= time < 40 else 10**12
    watch = run(board, movers, 60)

    assert watch.over == []
    assert watch.total(25, 40) > 0.97 * C
    assert watch.mean("c", 45, 60) == pytest.approx(C * (1 - HEADROOM) * 5 / 8, rel=0.02)


def test_while_the_ledger_is_away_everyone_has_its_slots_and_afterwards_its_share() -> None:
    board = PaperBoard(SimulatedTime())
    board.away = lambda who: 20 <= board.time.now < 60
    watch = run(board, three(board, a=(0, 90), b=(0, 90), c=(0, 90)), 90)

    assert watch.over == []
    for name in "abc":
        assert watch.mean(name, 29, 60) == pytest.approx(C / 3, rel=0.001)
    assert watch.mean("c", 70, 90) == pytest.approx(C * (1 - HEADROOM) * 5 / 8, rel=0.02)


@pytest.mark.parametrize("lost", ["a", "b", "c", "ab", "bc"])
def test_who_alone_cannot_reach_the_ledger_has_its_slots_and_the_others_the_rest(lost: str) -> None:
    board = PaperBoard(SimulatedTime())
    board.away = lambda who: who in lost and 20 <= board.time.now < 60
    watch = run(board, three(board, a=(0, 90), b=(0, 90), c=(0, 90)), 90)

    assert watch.over == []
    for name in lost:
        assert watch.mean(name, 30, 60) == pytest.approx(C / 3, rel=0.001)
    assert watch.total(30, 60) > 0.97 * C


def test_who_has_never_reached_the_ledger_has_its_part_of_the_headroom_until_it_does() -> None:
    board = PaperBoard(SimulatedTime())
    board.away = lambda who: who == "c" and board.time.now < 30
    watch = run(board, three(board), 60)

    assert watch.over == []
    assert watch.mean("c", 0, 30) == pytest.approx(C / 3 * HEADROOM, rel=0.01)
    assert watch.mean("c", 35, 60) == pytest.approx(C * (1 - HEADROOM) * 5 / 8, rel=0.02)


def test_what_a_dead_one_had_beyond_its_slots_is_free_after_three_periods() -> None:
    board = PaperBoard(SimulatedTime())
    movers = three(board, c=(0.0, 20.0))
    movers[2].dies = True
    watch = run(board, movers, 60)

    assert watch.over == []
    assert watch.total(26, 60) == pytest.approx(C * (1 - HEADROOM) - C // 3, rel=0.01)


def test_an_orphan_gives_way_to_its_retry() -> None:
    board = PaperBoard(SimulatedTime())
    orphan, retry, other = three(board, b=(20.0, 60.0))
    retry.name, retry.tenant, retry.share = orphan.name, orphan.tenant, orphan.share
    other.share = 1
    seen: list[int] = []

    def look() -> None:
        board.time.sleep(30)
        seen.extend((orphan.may_flow(), retry.may_flow()))

    watch = Watch(board, [orphan, retry, other], 60, lambda: C)
    board.time.run([orphan.live, retry.live, other.live, look, watch.look])

    assert watch.over == []
    assert orphan.reservation.superseded
    assert seen[0] == orphan.reservation.trickle
    assert seen[1] == pytest.approx(C * (1 - HEADROOM) / 2, rel=0.01)


def test_when_the_capacity_sinks_the_sum_is_below_it_at_once() -> None:
    board = PaperBoard(SimulatedTime())

    def at(now: float) -> int:
        return C if now < 30 else C // 2

    def capacity(ms: int) -> int:
        now = ms / 1000 - 1_700_000_000
        return min(at(now), at(now + 2.5))

    movers = [
        Mover(board, name, name, share, C // 6, capacity, 0, 60, hungry)
        for name, share in (("a", 1), ("b", 2), ("c", 5))
    ]
    watch = run(board, movers, 60, lambda: at(board.time.now))

    assert watch.over == []
    assert watch.total(10, 27) > 0.97 * C
    assert watch.total(32, 60) > 0.97 * C / 2


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 2**32))
def test_never_over_the_capacity_whatever_happens(seed: int) -> None:
    """Transfers come, go and die, their clocks differ, demands change, the ledger is slow, jumps, loses answers, and
    is away for all or for some; who was lost comes back."""
    random_ = random.Random(seed)
    board = PaperBoard(SimulatedTime())
    slow = random_.choice([0.003, 0.02, 0.2, 0.6])
    board.late = lambda: random_.choice([0.0, 1.0, 1.0, 1.0, 4.0]) * slow * random_.random()
    seconds, count = 60.0, random_.randint(2, 9)
    outages = [
        (begin := random_.uniform(3, 50), begin + random_.choice([1.0, 2.5, 4.0, 8.0, 20.0]), random_.random())
        for _ in range(random_.randint(0, 4))
    ]
    touched = {f"{number}": random_.random() for number in range(count)}
    board.away = lambda who: any(
        begin <= board.time.now < end and touched[who] <= part * 1.3 for begin, end, part in outages
    )
    lost = random_.choice([0.0, 0.0, 0.1, 0.5])
    board.uncertain = lambda: random_.random() < lost
    jump = random_.choice([0.0, 0.0, -3600.0, -2.0, 3.0, 3600.0])
    jump_at = random_.uniform(5, 50)
    sinks = random_.choice([1.0, 1.0, 0.5])
    sinks_at = 1000.0 if jump else random_.uniform(5, 50)

    def jumping() -> None:
        board.time.sleep(jump_at)
        board.jumped = jump

    def at(now: float) -> int:
        return C if now < sinks_at else int(C * sinks)

    def capacity(ms: int) -> int:
        now = ms / 1000 - 1_700_000_000
        return min(at(now), at(now + 2.5))

    movers = []
    for number, static in enumerate(fitting(random_, int(C * sinks), count)):
        begin = random_.choice([0.0, random_.uniform(0, 40)])
        edge, low = random_.uniform(0, 60), random_.randint(1, C)
        movers.append(
            Mover(
                board,
                f"{number}",
                f"tenant{number % 3}",
                (1, 2, 5)[number % 3],
                static,
                capacity,
                begin,
                min(seconds, begin + random_.choice([5.0, 20.0, 60.0])),
                random_.choice([hungry, until(edge, low)]),
                dies=random_.random() < 0.2,
                skew=(random_.uniform(-1e6, 1e6), 1 + random_.uniform(-1e-4, 1e-4)),
                lane=random_.choice(["bulk", "normal", "urgent"]),
            )
        )
    watch = Watch(board, movers, seconds, lambda: at(board.time.now))
    board.time.run([*(mover.live for mover in movers), watch.look, jumping])

    assert watch.over == []


def test_steps_tell_what_holds_now_later_and_held_lately() -> None:
    steps = Steps(10)
    steps.set((1.0, 50), (3.0, 20), (7.0, 30))
    steps.set((2.0, 40), (4.0, 20))

    assert [steps.at(moment) for moment in (1.5, 2.5, 3.5, 9.0)] == [50, 40, 40, 20]
    assert steps.most(1.9, 2.1) == 50
    assert steps.since(2.5) == [(2.5, 40), (4.0, 20)]
