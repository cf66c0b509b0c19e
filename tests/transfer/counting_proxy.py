"""A server in front of another one, which notes when how many bytes have come from there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Passed:
    """What has passed so far."""

    port: int
    chunks: list[tuple[float, int]] = field(default_factory=list)

    def most_above(self, rate: int, seconds_from: float) -> float:
        """How far what had passed was ahead of a rate at any time since ``seconds_from``."""
        total, most = 0, 0.0
        for at, count in sorted(self.chunks):
            total += count
            most = max(most, total - rate * (at - seconds_from))
        return most


@contextmanager
def counting_proxy(port: int) -> Iterator[Passed]:
    """Forwards to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        passed = Passed(listening.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**15)
                server = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=_pump, args=(server, client, passed), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield passed


def _pump(source: socket.socket, sink: socket.socket, passed: Passed | None) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            if passed is not None:
                passed.chunks.append((time.monotonic(), len(data)))
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
