"""Which port a daemon listens on: the one that the environment orders, the one it had before, or a free one."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterable, Mapping

HOST = "127.0.0.1"

# Below the range from which Linux takes the local ports of outgoing connections, so that nobody borrows a remembered
# port while its server is down.
_FIRST, _LAST = 20000, 32000


def choose_ports(names: Iterable[str], remembered: Mapping[str, int], *, running: bool) -> dict[str, int]:
    """Return a port for each name; while a daemon of the server runs, the remembered ports stand as they are."""
    chosen: dict[str, int] = {}
    for name in names:
        before = remembered.get(name)
        if running and before:
            chosen[name] = before
        elif order := os.environ.get(f"DATAMOVE_PORT_{name.upper()}"):
            chosen[name] = int(order)
        elif before and before not in chosen.values() and is_free(before):
            chosen[name] = before
        else:
            chosen[name] = _free_port({*chosen.values(), *remembered.values()})
    return chosen


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port(taken: set[int]) -> int:
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")
