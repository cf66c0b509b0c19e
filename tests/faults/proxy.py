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

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faults.connection import serve
from tests.faults.orders import HOST, Passed, Proxy, Way

__all__ = ["Proxy", "Way", "proxying"]


@contextmanager
def proxying(port: int, host: str = HOST, *, window: int | None = None) -> Iterator[Proxy]:
    """Forward a free port of 127.0.0.1 to a server, until the end of the block.

    With a `window` the system takes about so many bytes from a client that have not been read; else it may be many MiB.
    """
    with socket.create_server((HOST, 0), backlog=256) as listening:
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
                if proxy.ending:
                    client.close()
                    return
                passed = Passed()
                proxy.connections.append(passed)
                thread = threading.Thread(target=serve, args=(proxy, client, (host, port), passed), daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield proxy
        finally:
            proxy.ending = True
            # A thread that waits in accept is not woken by a close.
            with suppress(OSError):
                socket.create_connection((HOST, proxy.port), timeout=1).close()
            for thread in (accepting, *threads):
                thread.join(timeout=5)
