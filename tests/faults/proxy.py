"""A proxy between a client and a server that does what networks do: delay, throttle, cut, corrupt, hang.

>>> with proxying(port) as proxy:
...     proxy.cut(after=2**20, way=Way.UP, reset=True)
...     copy(to=proxy.url)
...     assert proxy.cuts == 1 and proxy.most_within(10.0, Way.UP) < 10 * rate

It forwards bytes and changes no header: where a server's answers name its own address, or a signature holds the host's
name, the caller has to see to it. HTTP is understood only as far as to tell bodies from heads; of TLS, and of other
protocols, only bytes are seen.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

_HOST = "127.0.0.1"
_CHUNK = 2**16
# What one direction of a connection holds back at most: with a delay, this much is under way at a time.
_HELD = 2**22
# How soon a switch is seen by a connection that is waiting.
_TICK = 0.05
# What passes at once where the rate is throttled: so much of a second's bytes.
_PIECE = 0.02
_LONGEST_HEAD = 2**16


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
    _ending: bool = False

    @property
    def url(self) -> str:
        """The proxy's address, as a server of HTTP."""
        return f"http://{_HOST}:{self.port}"

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

    def _allowed_at(self, way: Way, count: int, now: float) -> float:
        """Take room for `count` bytes on the throttled link, and return when they may pass."""
        rate = self.throttle
        if rate is None:
            return now
        with self._lock:
            begin = max(now, self._free_at[way])
            self._free_at[way] = begin + count / rate
            return begin

    def _note(self, passed: Passed, way: Way, count: int) -> None:
        with self._lock:
            self.timelines[way].append((time.monotonic(), count))
            for each in (passed, self.total):
                setattr(each, way.value, getattr(each, way.value) + count)

    def _cut_within(self, way: Way, count: int) -> tuple[int, bool] | None:
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

    def _flip_within(self, way: Way, data: bytearray, bodies: Sequence[tuple[int, int, int]]) -> None:
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


@contextmanager
def proxying(port: int, host: str = _HOST, *, window: int | None = None) -> Iterator[Proxy]:
    """Forward a free port of 127.0.0.1 to a server, until the end of the block.

    With a `window` the system takes about so many bytes from a client that have not been read; else it may be many MiB.
    """
    with socket.create_server((_HOST, 0), backlog=256) as listening:
        if window is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        proxy = Proxy(listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                if proxy._ending:
                    client.close()
                    return
                passed = Passed()
                proxy.connections.append(passed)
                thread = threading.Thread(target=_connection, args=(proxy, client, (host, port), passed), daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield proxy
        finally:
            proxy._ending = True
            # A thread that waits in accept is not woken by a close.
            with suppress(OSError):
                socket.create_connection((_HOST, proxy.port), timeout=1).close()
            for thread in (accepting, *threads):
                thread.join(timeout=5)


class _Ended(Exception):
    """A connection is over; `reset` says how."""

    def __init__(self, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


def _connection(proxy: Proxy, client: socket.socket, target: tuple[str, int], passed: Passed) -> None:
    """Serve one connection until it is over."""
    ends = [client]
    reset = False
    try:
        while proxy.hang and not proxy._ending:
            time.sleep(_TICK)
        ends.append(socket.create_connection(target, timeout=10))
        for end in ends:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked: deque[bytes] = deque()
        flows = [
            _Flow(proxy, Way.UP, client, ends[1], passed, asked),
            _Flow(proxy, Way.DOWN, ends[1], client, passed, asked),
        ]
        while not proxy._ending and not all(flow.done for flow in flows):
            _turn(proxy, flows)
    except _Ended as ended:
        reset = ended.reset
    except OSError:
        # One end broke off; the other is told in the same way.
        reset = True
    finally:
        for end in ends:
            if reset:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


def _turn(proxy: Proxy, flows: Sequence[_Flow]) -> None:
    """Wait until something can be done, and do it."""
    if proxy.hang:
        time.sleep(_TICK)
        return
    now = time.monotonic()
    poller = select.poll()
    wanted: dict[int, int] = {}
    for flow in flows:
        if flow.wants():
            wanted[flow.source.fileno()] = wanted.get(flow.source.fileno(), 0) | select.POLLIN
        if flow.due() <= now:
            wanted[flow.sink.fileno()] = wanted.get(flow.sink.fileno(), 0) | select.POLLOUT
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    wait = min([_TICK, *(flow.due() - now for flow in flows if flow.due() > now)])
    answers = dict(poller.poll(wait * 1000))
    for flow in flows:
        seen = answers.get(flow.source.fileno(), 0)
        if flow.wants() and seen & ~select.POLLOUT:
            flow.read()
        seen = answers.get(flow.sink.fileno(), 0)
        if flow.due() <= now and seen & ~select.POLLIN:
            flow.write()


class _Flow:
    """One direction of one connection."""

    def __init__(
        self,
        proxy: Proxy,
        way: Way,
        source: socket.socket,
        sink: socket.socket,
        passed: Passed,
        asked: deque[bytes],
    ) -> None:
        self.source, self.sink, self.done = source, sink, False
        self._proxy, self._way, self._passed = proxy, way, passed
        self._bodies = _Bodies(way, asked)
        # When it may pass, what (nothing: the end), and whether the connection is cut after it (None: it is not).
        self._held: deque[tuple[float, memoryview, bool | None]] = deque()
        self._held_bytes = 0
        self._ended = False

    def wants(self) -> bool:
        """Say whether more may be read now."""
        most = _HELD if self._proxy.throttle is None else 1
        return not self._ended and self._held_bytes < most

    def due(self) -> float:
        """Return when something can be passed on; in the far future if there is nothing."""
        return self._held[0][0] if self._held else float("inf")

    def read(self) -> None:
        """Take what has come, and do to it what was ordered."""
        rate = self._proxy.throttle
        # Little at a time where the rate is low, so that it is kept over short times too.
        most = _CHUNK if rate is None else max(1, min(_CHUNK, int(rate * _PIECE)))
        try:
            data = bytearray(self.source.recv(most))
        except BlockingIOError:
            return
        now = time.monotonic()
        if not data:
            self._ended = True
            self._hold(now, data, None)
            return
        self._proxy._flip_within(self._way, data, self._bodies.spans(data))
        cut = self._proxy._cut_within(self._way, len(data))
        if cut is None:
            self._hold(now, data, None)
        else:
            self._ended = True
            self._hold(now, data[: cut[0]], cut[1])

    def _hold(self, now: float, data: bytearray, cut: bool | None) -> None:
        allowed = self._proxy._allowed_at(self._way, len(data), now)
        self._held.append((max(now + self._proxy.delay, allowed), memoryview(bytes(data)), cut))
        self._held_bytes += len(data)

    def write(self) -> None:
        """Pass on what is due."""
        due, data, cut = self._held.popleft()
        sent = 0
        if data:
            try:
                sent = self.sink.send(data)
            except BlockingIOError:
                sent = 0
            self._held_bytes -= sent
            if sent:
                self._proxy._note(self._passed, self._way, sent)
        if sent < len(data):
            self._held.appendleft((due, data[sent:], cut))
        elif cut is not None:
            raise _Ended(reset=cut)
        elif self._ended and not self._held:
            self.done = True
            # It may have gone already.
            with suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)


class _Bodies:
    """Finds the bodies of HTTP/1.1 messages in one direction of a connection."""

    def __init__(self, way: Way, asked: deque[bytes]) -> None:
        self._way, self._asked = way, asked
        self._state = "head"
        self._line = bytearray()
        self._left = 0
        self._place = 0

    def spans(self, data: bytearray) -> list[tuple[int, int, int]]:
        """Return the parts of `data` that are bodies: begin, end, and the place of the begin in its body."""
        found = []
        at = 0
        while at < len(data):
            if self._state in ("body", "chunk", "skip"):
                end = min(len(data), at + self._left)
                if self._state != "skip":
                    found.append((at, end, self._place))
                    self._place += end - at
                self._left -= end - at
                at = end
                if self._left == 0:
                    self._next()
            elif self._state == "rest":
                found.append((at, len(data), self._place))
                self._place += len(data) - at
                at = len(data)
            elif self._state == "blind":
                at = len(data)
            else:
                at = self._text(data, at)
        return found

    def _next(self) -> None:
        if self._state == "chunk":
            self._state, self._left = "skip", len("\r\n")
        else:
            self._state = "size" if self._state == "skip" else "head"

    def _text(self, data: bytearray, at: int) -> int:
        """Read on in a head, a chunk's size or a trailer, and return where it went on to."""
        mark = b"\r\n\r\n" if self._state == "head" else b"\r\n"
        before = len(self._line)
        self._line += data[at:]
        found = self._line.find(mark, max(0, before - len(mark)))
        if found < 0:
            if len(self._line) > _LONGEST_HEAD:
                self._state = "blind"
            return len(data)
        text = bytes(self._line[:found])
        self._line.clear()
        try:
            self._understand(text)
        except (ValueError, IndexError):
            self._state = "blind"
        return at + found + len(mark) - before

    def _understand(self, text: bytes) -> None:
        if self._state == "trailer":
            self._state = "trailer" if text else "head"
        elif self._state == "size":
            self._left = int(text.partition(b";")[0], 16)
            self._state = "chunk" if self._left else "trailer"
        else:
            first, *lines = text.split(b"\r\n")
            headers = {
                name.strip().lower(): value.strip().lower() for name, _, value in (x.partition(b":") for x in lines)
            }
            self._begin(first.split(), headers)

    def _begin(self, words: Sequence[bytes], headers: dict[bytes, bytes]) -> None:
        """See from a message's head which body follows."""
        self._place = 0
        chunked = headers.get(b"transfer-encoding", b"").endswith(b"chunked")
        length = headers.get(b"content-length")
        if self._way is Way.UP:
            self._asked.append(words[0])
            empty = length is None and not chunked
        else:
            status = int(words[1])
            method = self._asked.popleft() if status >= 200 and self._asked else b""
            empty = status < 200 or status in (204, 304) or method == b"HEAD"
        if empty or (length == b"0" and not chunked):
            self._state = "head"
        elif chunked:
            self._state = "size"
        elif length is None:
            self._state = "rest"
        else:
            self._state, self._left = "body", int(length)
