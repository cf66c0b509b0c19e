"""What a proxy is told to do to connections, and what it has seen of them: :class:`Proxy`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

HOST = "127.0.0.1"


class Way(Enum):
    """A direction, seen from the client."""

    UP = "up"
    DOWN = "down"


@dataclass
class Passed:
    """Bytes that one connection has passed on; without a connection, all of them."""

    up: int = 0
    down: int = 0


@dataclass
class _Cut:
    after: int
    way: Way
    reset: bool
    times: int
    left: int


@dataclass
class _Flip:
    offset: int
    way: Way
    times: int
    bodies: bool
    passed: int = 0


@dataclass
class Proxy:
    """What the proxy does, which may be changed at any time, and what it has seen."""

    port: int
    delay: float = 0.0
    """Seconds for which whatever comes is held back, in each direction; many bytes may be under way meanwhile."""
    throttle: float | None = None
    """Bytes per second that pass, in each direction, over all connections together."""
    hang: bool = False
    """While it is on, connections are accepted, and no byte is read or passed on."""
    cuts: int = 0
    """Connections that were cut so far."""
    flips: int = 0
    """Bytes that were changed so far."""
    total: Passed = field(default_factory=Passed)
    connections: list[Passed] = field(default_factory=list)
    timelines: dict[Way, list[tuple[float, int]]] = field(default_factory=lambda: {way: [] for way in Way})
    """For each direction, when (by `time.monotonic`) how many bytes were passed on."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cuts: list[_Cut] = field(default_factory=list)
    _flips: list[_Flip] = field(default_factory=list)
    _free_at: dict[Way, float] = field(default_factory=lambda: dict.fromkeys(Way, 0.0))
    ending: bool = False
    """Nothing is forwarded any more."""

    @property
    def url(self) -> str:
        """The proxy's address, as a server of HTTP."""
        return f"http://{HOST}:{self.port}"

    def cut(self, after: int = 0, way: Way = Way.DOWN, *, reset: bool = False, times: int = 1) -> None:
        """End the connection that carries the byte after so many more bytes of a direction, on both of its sides.

        Bytes of all connections count. With `reset` the ends get a RST, by which they may also lose what had arrived.
        With `times` the counting begins again after each cut.
        """
        with self._lock:
            self._cuts.append(_Cut(after, way, reset, times, left=after))

    def corrupt(self, offset: int = 0, way: Way = Way.UP, *, times: int = 1, bodies: bool = True) -> None:
        """Change one byte: the one at an offset of the next body of HTTP that is so long.

        Shorter bodies, such as an answer in XML, pass as they are. With `times` so many bodies are changed. Without
        `bodies` the offset counts all bytes of the direction from now on.
        """
        with self._lock:
            self._flips.append(_Flip(offset, way, times, bodies))

    def mend(self) -> None:
        """Forget all that was ordered: from now on everything passes."""
        with self._lock:
            self.delay, self.throttle, self.hang = 0.0, None, False
            self._cuts.clear()
            self._flips.clear()

    def most_within(self, seconds: float, way: Way = Way.DOWN) -> int:
        """Return the most bytes that passed in any time of this length."""
        timeline = list(self.timelines[way])
        most = held = first = 0
        for at, count in timeline:
            held += count
            while timeline[first][0] <= at - seconds:
                held -= timeline[first][1]
                first += 1
            most = max(most, held)
        return most

    def allowed_at(self, way: Way, count: int, now: float) -> float:
        """Take room for `count` bytes on the throttled link, and return when they may pass."""
        rate = self.throttle
        if rate is None:
            return now
        with self._lock:
            begin = max(now, self._free_at[way])
            self._free_at[way] = begin + count / rate
            return begin

    def note(self, passed: Passed, way: Way, count: int) -> None:
        with self._lock:
            self.timelines[way].append((time.monotonic(), count))
            for each in (passed, self.total):
                setattr(each, way.value, getattr(each, way.value) + count)

    def cut_within(self, way: Way, count: int) -> tuple[int, bool] | None:
        """Say whether a cut falls into the next `count` bytes: after how many of them, and whether by RST."""
        found = None
        with self._lock:
            for cut in [cut for cut in self._cuts if cut.way is way]:
                if found is not None or cut.left >= count:
                    cut.left -= count if found is None else found[0]
                    continue
                found = cut.left, cut.reset
                cut.left, cut.times = cut.after, cut.times - 1
                self.cuts += 1
            self._cuts = [cut for cut in self._cuts if cut.times > 0]
        return found

    def flip_within(self, way: Way, data: bytearray, bodies: Sequence[tuple[int, int, int]]) -> None:
        """Change the bytes of `data` that were ordered to be; `bodies` are spans, with the first one's place."""
        with self._lock:
            for flip in [flip for flip in self._flips if flip.way is way]:
                for begin, end, place in bodies if flip.bodies else [(0, len(data), flip.passed)]:
                    index = begin + flip.offset - place
                    if begin <= index < end and flip.times > 0:
                        data[index] ^= 0xFF
                        flip.times -= 1
                        self.flips += 1
                flip.passed += len(data)
            self._flips = [flip for flip in self._flips if flip.times > 0]
