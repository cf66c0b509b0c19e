"""One rate over all threads of a copy: :class:`Throttle`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

BURST = 0.02
"""Seconds of unused time that may be made up for. What is older is lost, so no burst follows a stall."""

_PIECE = 0.05
"""Seconds' worth of bytes that are taken at a time, so that a change of the rate is felt soon by those who wait."""

_AHEAD = 0.25
"""Seconds for which bytes are promised in advance, however many threads wait: what is promised keeps its old rate."""

_LOOK = 0.02
"""Seconds, at least, after which who was promised nothing asks again."""


class Throttle:
    """A token bucket on a virtual clock: in any window of ``w`` seconds pass at most ``rate x (w + BURST)`` bytes
    and one piece of a twentieth of a second.

    :param rate: bytes per second; ``None``: no limit.
    :param clock: seconds, monotonic.
    :param sleep: waits that many seconds.
    """

    def __init__(
        self,
        rate: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._rate = rate
        self._later: list[tuple[float, int]] = []
        self._next = clock()
        self._passed = 0

    @property
    def rate(self) -> int | None:
        """Bytes per second; may be set at any time, and is felt within a second."""
        if self._later:
            with self._lock:
                self._come_to_pass()
        return self._rate

    @rate.setter
    def rate(self, rate: int | None) -> None:
        with self._lock:
            self._rate, self._later = rate, []

    @property
    def passed(self) -> int:
        """Bytes that were let pass at some rate so far."""
        return self._passed

    def plan(self, steps: Sequence[tuple[float, int]]) -> None:
        """Sets the rate of now and of later, which comes to pass whatever becomes of who has set it.

        :param steps: (moment of the clock, bytes per second), in the order of time; replaces an earlier plan.
        """
        with self._lock:
            self._later = list(steps)
            self._come_to_pass()

    def take(self, count: int, cancelled: threading.Event | None = None) -> bool:
        """Waits until ``count`` bytes may pass.

        :return: False if ``cancelled`` was set while it waited.
        """
        while count > 0:
            if self.rate is None:
                return cancelled is None or not cancelled.is_set()
            piece, wait = self._promise(count)
            count -= piece
            if wait > 0:
                if cancelled is None:
                    self._sleep(wait)
                elif cancelled.wait(wait):
                    return False
        return True

    def _promise(self, count: int) -> tuple[int, float]:
        """How many bytes may pass after how many seconds; of none, when to ask again."""
        with self._lock:
            rate = self._rate
            if rate is None:
                return count, 0.0
            now = self._clock()
            if self._next - now > _AHEAD:
                return 0, max(_LOOK, self._next - now - _AHEAD)
            piece = min(count, max(1, int(rate * _PIECE)))
            self._passed += piece
            self._next = max(self._next, now - BURST) + piece / rate
            return piece, self._next - now

    def _come_to_pass(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            self._rate = self._later.pop(0)[1]
