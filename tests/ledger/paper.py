"""A link on simulated time: :class:`PaperBoard` is a ledger that answers late, goes away for some, and jumps; a
:class:`Mover` is a process that keeps a reservation, with a clock of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.ledger.reserve import GONE, HEADROOM, PERIOD, SETTLE, Reservation, Standing
from airflow_datamove.ledger.transfers import GAP
from tests.transfer.simulated import SimulatedTime


class PaperTurn:
    """See reserve.Turn."""

    def __init__(self, board: PaperBoard) -> None:
        self._board = board
        self.now = board.now
        ages = [self.now - beat for beat, _ in board.rows.values()]
        for id, (beat, standing) in board.rows.items():
            if beat > self.now:
                board.rows[id] = (self.now, standing)
        if ages and not -100 <= min(ages) <= GAP * 1000:
            board.resumed = self.now
        self.cautious = 0 <= self.now - board.resumed < GONE * 1000
        self.standings = {
            id: replace(standing, age=max(0, self.now - beat) / 1000) for id, (beat, standing) in board.rows.items()
        }
        self.written: list[Standing] = []

    def write(self, standing: Standing) -> None:
        self.written.append(standing)


class PaperBoard:
    """See reserve.Board.

    :param late: seconds that each of its answers takes.
    """

    def __init__(self, time: SimulatedTime, late: Callable[[], float] = lambda: 0.003) -> None:
        self.time, self.late = time, late
        self.rows: dict[str, tuple[int, Standing]] = {}
        self.away: Callable[[str], bool] = lambda who: False
        self.uncertain: Callable[[], bool] = lambda: False
        """Whether a commit is made and its answer lost."""
        self.jumped = 0.0
        self.resumed = -(10**9)
        self._locked = False

    @property
    def now(self) -> int:
        return int((1_700_000_000 + self.jumped + self.time.now) * 1000)

    def seen_by(self, who: str) -> SeenBoard:
        """The board as one process reaches it."""
        return SeenBoard(self, who)


@dataclass
class SeenBoard:
    board: PaperBoard
    who: str

    @contextmanager
    def turn(self, link: str) -> Iterator[PaperTurn]:
        board = self.board
        self._answer()
        while board._locked:
            board.time.sleep(0.002)
            self._check()
        board._locked = True
        try:
            turn = PaperTurn(board)
            board.time.sleep(board.late())
            yield turn
            board.time.sleep(board.late())
            self._check()
            for standing in turn.written:
                board.rows[standing.id] = (turn.now, standing)
            if board.uncertain():
                raise LedgerUnavailable("the answer to the commit was lost")
        finally:
            board._locked = False
        board.time.sleep(board.late())

    def remove(self, link: str, id: str, holder: str) -> None:
        self._answer()
        if id in self.board.rows and self.board.rows[id][1].holder == holder:
            del self.board.rows[id]

    def _answer(self) -> None:
        self._check()
        self.board.time.sleep(self.board.late())
        self._check()

    def _check(self) -> None:
        if self.board.away(self.who):
            raise LedgerUnavailable("the ledger is away")


@dataclass
class Mover:
    """A process with a transfer.

    :param demand: what it could use, by the time.
    :param skew: its clock against the true one, and how much faster it goes.
    """

    board: PaperBoard
    name: str
    tenant: str
    share: int
    static: int
    capacity: Callable[[int], int]
    begin: float
    end: float
    demand: Callable[[float], int]
    dies: bool = False
    skew: tuple[float, float] = (0.0, 1.0)
    lane: str = "normal"
    reservation: Reservation = field(init=False)
    alive: bool = field(default=False, init=False)

    def live(self) -> None:
        """From its begin to its end; who dies leaves its row behind, for Airflow's word that it is over."""
        time = self.board.time
        time.sleep(self.begin)
        self.alive = True
        self.reservation = Reservation(
            self.board.seen_by(self.name),
            "wan",
            Standing(self.name, self.tenant, self.lane, self.share, self.static, self.demand(time.now), 0, 0),
            self.capacity,
            lambda steps: None,
            self.clock,
        )
        while time.now < self.end:
            try:
                pause = self.reservation.renew(self.demand(time.now))
            except LedgerUnavailable:
                pause = PERIOD
            time.sleep(pause)
        self.alive = False
        if not self.dies:
            try:
                self.reservation.end()
            except LedgerUnavailable:
                self.dies = True

    def clock(self) -> float:
        return self.skew[0] + self.board.time.now * self.skew[1]

    def may_flow(self) -> int:
        """The most that may pass now, counting what was promised at an older rate."""
        if not self.alive:
            return 0
        now = self.clock()
        return max(self.reservation.trickle, self.reservation.steps.most(now - 0.3, now))

    def uses(self) -> int:
        """What passes now."""
        if not self.alive:
            return 0
        rate = max(self.reservation.trickle, self.reservation.steps.at(self.clock()))
        return min(rate, self.demand(self.board.time.now))


def hungry(time: float) -> int:
    return 10**12


def fitting(random_: random.Random, capacity: int, movers: int) -> list[int]:
    """Slots' rates that together are the capacity: pools never sell more."""
    cuts = sorted(random_.uniform(0.02, 0.98) for _ in range(movers - 1))
    return [int(capacity * (b - a)) for a, b in zip([0.0, *cuts], [*cuts, 1.0], strict=True)]


__all__ = ["HEADROOM", "SETTLE", "Mover", "PaperBoard", "SimulatedTime", "fitting", "hungry"]
