"""One transfer's reservation of a link's bandwidth: :class:`Reservation`. The sum of what all use stays below the
capacity, whoever comes, goes, dies, or loses sight of the ledger; docs/adr/0014 has the reasoning.

It knows no database: :class:`Board` is what it needs of one; :class:`~.transfers.LedgerBoard` is the ledger's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from airflow_datamove.ledger.fair import Wish, shares

PERIOD = 1.0
"""Seconds between two renewals."""
SETTLE = 0.35
"""Seconds after which a lower rate is what flows: a throttle has promised that much in advance."""
DROP = 2.0
"""Seconds after its last renewal at which who cannot renew is back at its slots' static rate, or below."""
GONE = 3.0
"""Seconds after which a row that was not renewed counts as that static rate and no more."""
RISE = 6.0
"""Seconds after which who cannot renew may rise to its static rate: by then all others have made room for it, or have
dropped themselves."""
HEADROOM = 0.02
"""The part of the capacity that nobody reserves: of it everyone has this part of its static rate, unasked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A transfer, as all others see it. Rates are bytes/s."""

    id: str
    tenant: str
    lane: str
    share: int
    static: int
    """What its slots stand for; those of all that hold slots are never more than the capacity."""
    demand: int
    rate: int
    """Reserved: it uses no more."""
    aim: int
    """What it is about to use no more than; lower than ``rate`` while it slows down."""
    fixed: bool = False
    """Its rate cannot change: a DistCp job."""
    holder: str = ""
    """Which process has it; another one's orphan learns from it that it has been replaced."""
    age: float = 0.0
    """Seconds since it was renewed."""

    @property
    def gone(self) -> bool:
        """Whether it was not renewed in time."""
        return self.age > GONE and not self.fixed


class Turn(Protocol):
    """A look at all transfers of a link while nobody else changes any."""

    @property
    def now(self) -> int:
        """The database's clock, milliseconds since 1970."""

    @property
    def cautious(self) -> bool:
        """The ledger was away, or its clock jumped: who looks dead may just not have been back yet."""

    @property
    def standings(self) -> Mapping[str, Standing]:
        """All of the link, by their ids."""

    def write(self, standing: Standing) -> None:
        """Puts one in its place, renewed now."""


class Board(Protocol):
    """Where the transfers of all links stand."""

    def turn(self, link: str) -> AbstractContextManager[Turn]:
        """Opens a turn; its end makes what was written durable.

        :raises LedgerUnavailable: at its begin or its end.
        """

    def remove(self, link: str, id: str, holder: str) -> None:
        """Takes a transfer off, if that holder still has it."""


class Steps:
    """Rates over time: what a transfer may use now, later, and lately.

    :param rate: bytes/s.
    """

    def __init__(self, rate: int) -> None:
        self._steps: list[tuple[float, int]] = [(float("-inf"), rate)]

    def set(self, *steps: tuple[float, int]) -> None:
        """From the first one's moment on these hold, instead of whatever stood there."""
        kept = [each for each in self._steps if each[0] < steps[0][0]]
        old = [each for each in kept if each[0] < steps[0][0] - 2 * SETTLE]
        self._steps = kept[max(0, len(old) - 1) :] + list(steps)

    def at(self, moment: float) -> int:
        """The rate at a moment."""
        return next(rate for begin, rate in reversed(self._steps) if begin <= moment)

    def most(self, begin: float, end: float) -> int:
        """The highest rate between two moments."""
        return max(self.at(begin), *(rate for at, rate in self._steps if begin < at <= end), 0)

    def since(self, moment: float) -> list[tuple[float, int]]:
        """The steps from a moment on, the one that holds then first."""
        return [(moment, self.at(moment)), *(each for each in self._steps if each[0] > moment)]


@dataclass(slots=True)
class Reservation:
    """A transfer's own side.

    :param me: who it is; its ``demand`` is what it wants at first.
    :param capacity: bytes/s of the link at a time of the database's clock (milliseconds since 1970), and in the two
        seconds after it.
    :param use: is told the rates to use from now on, as (moment of ``clock``, bytes/s), first the one that holds now.
    """

    board: Board
    link: str
    me: Standing
    capacity: Callable[[int], int]
    use: Callable[[list[tuple[float, int]]], None]
    clock: Callable[[], float] = time.monotonic
    superseded: bool = field(default=False, init=False)
    """Another try of the same task has its place: this process is an orphan."""
    wants: int = field(default=0, init=False)
    """Its fair share at the last renewal, bytes/s."""
    steps: Steps = field(init=False)
    """What it has reserved and uses; the trickle that everyone has comes on top of less."""
    _known: bool = field(default=False, init=False)
    """A row of ours stands there: others reckon with us."""
    _drop: float = field(default=0.0, init=False)
    _rise: float = field(default=0.0, init=False)
    _waits: float = field(default=float("-inf"), init=False)
    """Until then nothing is taken: an earlier try's process may be using it."""
    _least: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.me = replace(self.me, holder=self.me.holder or uuid.uuid4().hex)
        self.steps = Steps(0)
        self._use(0)

    @property
    def trickle(self) -> int:
        """What it may use unasked, bytes/s."""
        return max(1, int(self.me.static * HEADROOM))

    def renew(self, demand: int | None = None) -> float:
        """Renews the row, and gives way or takes more.

        :param demand: bytes/s that it could use; by default as before.
        :return: seconds until the next renewal.
        :raises LedgerUnavailable: if the ledger does not answer; the rate falls back by itself.
        """
        if demand is not None:
            self.me = replace(self.me, demand=demand)
        start = self.clock()
        with self.board.turn(self.link) as turn:
            mine = turn.standings.get(self.me.id)
            if self._known and mine is not None and mine.holder != self.me.holder:
                self.superseded = True
                self._use(0)
                return PERIOD
            least = self._taken_over(mine, start)
            running = self.steps.at(self.clock())
            aim, take = self._decide(turn, running)
            if aim < running:  # slow first, write then
                self._use(aim)
            flowing = self.steps.most(self.clock() - SETTLE, self.clock())
            self.me = replace(self.me, rate=max(flowing, least, take), aim=max(aim, take))
            turn.write(self.me)
            # From here on it may be committed, whatever we hear: others have room made by what stands there.
            self._rise = self.clock() + RISE
            self._use(aim)
        done = self.clock()
        self._known = True
        self._drop = start + DROP
        running = self.steps.at(done)
        # An answer that was long in coming tells of room that may be another's by now.
        self._use(take if take > running and done - start < DROP / 2 else running)
        return SETTLE if self.me.rate > max(self.me.aim, least) else PERIOD

    def fix(self) -> int:
        """Keeps what is reserved now for as long as the row stands: it may be used by a job that nobody can slow down.

        :return: bytes/s.
        :raises LedgerUnavailable: if the ledger does not answer.
        """
        with self.board.turn(self.link) as turn:
            rate = max(self.trickle, self.steps.at(self.clock()))
            self.me = replace(self.me, rate=rate, aim=rate, demand=rate, fixed=True)
            turn.write(self.me)
        return rate

    def end(self) -> None:
        """Takes the transfer off: its last byte has passed.

        :raises LedgerUnavailable: if the ledger does not answer; then :func:`~.transfers.remove_over` does it.
        """
        self._use(0)
        if self._known and not self.superseded:
            self.board.remove(self.link, self.me.id, self.me.holder)

    def _taken_over(self, mine: Standing | None, start: float) -> int:
        """What must stay reserved in any case: the process of an earlier try may live on, and use it."""
        if self._known and mine is None:  # somebody took us for over, or the ledger was restored
            self._known = False
            self._use(0)
        elif mine is not None and mine.holder != self.me.holder:
            self._waits = start + GONE
            self._least = max(mine.rate, mine.static) if mine.gone else mine.rate
        return self._least if start < self._waits else 0

    def _decide(self, turn: Turn, running: int) -> tuple[int, int]:
        """What to slow down to, and what may be taken; one of both is the present rate or less."""
        others = [each for id, each in turn.standings.items() if id != self.me.id]
        room = int(self.capacity(turn.now) * (1 - HEADROOM))
        wishes = [_wish(each) for each in (*others, self.me)]
        self.wants = int(shares(room, wishes)[-1])
        aim = min(running, self.wants)
        excess = sum(_aimed(each) for each in others) + aim - room
        if excess > 0:
            # Somebody fell back to its slots, or the capacity sank. If everyone goes down as far as to its own
            # slots, it is enough.
            floor = int(self.me.static * (1 - HEADROOM))
            aim = max(min(aim, floor), aim - excess)
        free = room - sum(_held(each, turn.cautious) for each in others)
        take = min(self.wants, free)
        return aim, take if take > running and self.clock() >= self._waits else 0

    def _use(self, rate: int) -> None:
        """Uses a rate from now on, and what is left of it once the ledger is not heard of."""
        now = self.clock()
        steps = [(now, rate)]
        if self._known and not self.superseded:
            steps += [(max(now, self._drop), min(rate, self.me.static)), (max(now, self._rise), self.me.static)]
        self.steps.set(*steps)
        self.use([(at, max(step, self.trickle)) for at, step in self.steps.since(now)])


def _wish(each: Standing) -> Wish:
    lasting = each.fixed or each.gone
    demand = each.rate if each.fixed else each.static if each.gone else each.demand
    return Wish(each.tenant, each.lane, each.share, max(1, each.static), demand, fixed=lasting)


def _held(each: Standing, cautious: bool) -> int:
    """What it may be using."""
    if each.fixed:
        return each.rate
    if cautious:
        return max(each.rate, each.static)
    return each.static if each.gone else each.rate


def _aimed(each: Standing) -> int:
    """What it will be using soon."""
    return each.rate if each.fixed else each.static if each.gone else each.aim
