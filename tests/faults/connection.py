"""One connection through a proxy, in both directions, until it is over: :func:`serve`."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from tests.faults.bodies import Bodies
from tests.faults.orders import Passed, Proxy, Way

_CHUNK = 2**16
# What one direction of a connection holds back at most: with a delay, this much is under way at a time.
_HELD = 2**22
# How soon a switch is seen by a connection that is waiting.
_TICK = 0.05
# What passes at once where the rate is throttled: so much of a second's bytes.
_PIECE = 0.02


class _Ended(Exception):
    """A connection is over; `reset` says how."""

    def __init__(self, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


def serve(proxy: Proxy, client: socket.socket, target: tuple[str, int], passed: Passed) -> None:
    """Serve one connection until it is over."""
    ends = [client]
    reset = False
    try:
        while proxy.hang and not proxy.ending:
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
        while not proxy.ending and not all(flow.done for flow in flows):
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
        self._bodies = Bodies(way, asked)
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
        self._proxy.flip_within(self._way, data, self._bodies.spans(data))
        cut = self._proxy.cut_within(self._way, len(data))
        if cut is None:
            self._hold(now, data, None)
        else:
            self._ended = True
            self._hold(now, data[: cut[0]], cut[1])

    def _hold(self, now: float, data: bytearray, cut: bool | None) -> None:
        allowed = self._proxy.allowed_at(self._way, len(data), now)
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
                self._proxy.note(self._passed, self._way, sent)
        if sent < len(data):
            self._held.appendleft((due, data[sent:], cut))
        elif cut is not None:
            raise _Ended(reset=cut)
        elif self._ended and not self._held:
            self.done = True
            # It may have gone already.
            with suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)
