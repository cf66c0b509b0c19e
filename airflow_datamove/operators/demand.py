"""How much a transfer could use, from what it has used: :class:`Demand`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

_HITS = 0.85
"""Of what it was allowed: who uses as much is held back by its rate, and could use more."""
_MARGIN = 1.25
"""Over what was used by one that its own source or destination holds back; above 1 / :data:`_HITS`, so that it does
not hit its rate for that."""
_GROWS = 4.0
_WINDOW = 0.8
"""Seconds, at least, over which is measured."""
_MEMORY = 3
"""Windows that one must have stayed below its rate before it asks for less: to follow a rise takes a moment."""


class Demand:
    """Measures, and lends what is not used to others.

    :param most: bytes/s that it asks for at first, and at most: the link.
    :param least: bytes/s that it always asks for, so that it can grow.
    """

    def __init__(self, most: int, least: int, now: float) -> None:
        self._most, self._least = most, least
        self._demand = float(most)
        self._plan: Sequence[tuple[float, int]] = [(now, most)]
        self._counted = self._begin = now
        self._allowed = 0.0
        self._passed = 0
        self._seen: deque[tuple[float, float]] = deque(maxlen=_MEMORY)

    def planned(self, steps: Sequence[tuple[float, int]]) -> None:
        """From the first step's moment on these rates are allowed, as (moment, bytes/s)."""
        self._count(steps[0][0])
        self._plan = steps

    def measure(self, now: float, passed: int) -> int:
        """What it could use, bytes/s.

        :param passed: bytes so far.
        """
        seconds = now - self._begin
        if seconds < _WINDOW:
            return int(self._demand)
        self._count(now)
        used = passed - self._passed
        self._seen.append((used / max(1.0, self._allowed), used / seconds))
        self._begin, self._passed, self._allowed = now, passed, 0.0
        if self._seen[-1][0] >= _HITS:
            self._demand = min(self._most, max(self._demand, _GROWS * used / seconds))
        elif len(self._seen) == _MEMORY and all(part < _HITS for part, _ in self._seen):
            self._demand = min(self._most, _MARGIN * max(rate for _, rate in self._seen))
        self._demand = max(self._demand, self._least)
        return int(self._demand)

    def _count(self, until: float) -> None:
        for number, (begin, rate) in enumerate(self._plan):
            end = self._plan[number + 1][0] if number + 1 < len(self._plan) else until
            self._allowed += rate * max(0.0, min(end, until) - max(begin, self._counted))
        self._counted = max(self._counted, until)
