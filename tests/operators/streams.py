"""Real transfers over real sockets: each a process that sends by a throttle, and receivers here that count the bytes.

``python -m tests.operators.streams URL PORT TENANT SHARE NUMBER STATIC CAPACITY OWN_RATE`` is a sender.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = 0.1
_PIECE = 16 * 1024
_STREAMS = 4
"""Connections of a sender; a copy has up to sixteen."""
ROOT = Path(__file__).resolve().parents[2]


class Receiver:
    """Counts what arrives, by tenant, in bins of a tenth of a second."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.began = time.monotonic()
        self._bins: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def rate(self, begin: float, end: float, *tenants: str) -> float:
        """Bytes/s between two moments, of some tenants or all."""
        with self._lock:
            found = [self._bins[tenant] for tenant in tenants or list(self._bins)]
            total = sum(count for bins in found for at, count in bins.items() if begin <= at * BIN < end)
        return total / (end - begin)

    def highest(self, begin: float, end: float, window: float = 1.0) -> float:
        """The highest rate of any window that begins at a tenth of a second, bytes/s."""
        first, last, width = round(begin / BIN), round(end / BIN), round(window / BIN)
        with self._lock:
            sums = [sum(bins.get(at, 0) for bins in self._bins.values()) for at in range(first, last)]
        return max(sum(sums[at : at + width]) for at in range(len(sums) - width + 1)) / window

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * _PIECE)
        with connection, connection.makefile("rb", buffering=0) as stream:
            tenant = stream.readline().decode().strip()
            buffer = bytearray(4 * _PIECE)
            while count := stream.readinto(buffer):
                with self._lock:
                    self._bins[tenant][int(self.now / BIN)] += count


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


class Sender:
    """A process with one transfer."""

    def __init__(
        self,
        url: str,
        receiver: Receiver,
        tenant: str,
        share: int,
        number: int,
        static: int,
        capacity: str,
        own_rate: int = 0,
    ) -> None:
        words = [url, receiver.port, tenant, share, number, static, capacity.replace(" ", ","), own_rate]
        self.tenant = tenant
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.operators.streams", *map(str, words)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def go(self) -> None:
        """Lets it begin, once it is ready: a process takes seconds to import what it needs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, float]:
        """Ends it as a task ends. What its renewals cost: how many, wall and CPU seconds of one."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        words = self._process.stdout.read().split()
        assert self._process.wait(20) == 0
        return {"renewals": float(words[0]), "ms": float(words[1]), "cpu ms": float(words[2])}

    def kill(self) -> None:
        """Ends it as a machine ends."""
        self._process.kill()
        self._process.wait()


def _send(words: list[str]) -> None:
    from airflow_datamove.ledger.database import Ledger
    from airflow_datamove.ledger.transfers import TaskOf
    from airflow_datamove.operators.fair_share import FairShare
    from airflow_datamove.scheduling.limits import Limits
    from airflow_datamove.transfer.throttle import Throttle

    url, port, tenant, share, number, static, capacity, own_rate = words
    limits = Limits(
        tenant=tenant,
        link="wan",
        read=(),
        write=(),
        max_lane="normal",
        max_slots=1,
        slot_rate=int(static),
        worker_slots=1,
        distcp_slots=1,
        urgent_slots=1,
        share=int(share),
        capacity=capacity.replace(",", " "),
    )
    throttle, own = Throttle(int(static)), Throttle(int(own_rate) or None)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    piece = os.urandom(_PIECE)
    ledger = Ledger(url)
    task = TaskOf("test", f"{os.getpid()}", tenant, int(number))
    costs: list[tuple[float, float]] = []
    _time_renewals(costs)
    print("ready", flush=True)
    sys.stdin.readline()

    def stream() -> None:
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _PIECE)
            connection.sendall(f"{tenant}\n".encode())
            while not over.is_set() and own.take(_PIECE, over) and throttle.take(_PIECE, over):
                connection.sendall(piece)

    with FairShare(throttle, limits, "normal", 1, task, lambda: ledger):
        threads = [threading.Thread(target=stream) for _ in range(_STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    count = max(1, len(costs))
    print(len(costs), sum(wall for wall, _ in costs) / count * 1e3, sum(cpu for _, cpu in costs) / count * 1e3)


def _time_renewals(costs: list[tuple[float, float]]) -> None:
    """Notes what each renewal costs its thread."""
    from airflow_datamove.ledger.reserve import Reservation

    renew = Reservation.renew

    def timed(self: Reservation, demand: int | None = None) -> float:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return renew(self, demand)
        finally:
            costs.append((time.perf_counter() - wall, time.thread_time() - cpu))

    Reservation.renew = timed  # type: ignore[method-assign]


if __name__ == "__main__":
    _send(sys.argv[1:])
