"""What a server is to those who start it: ports, options, daemons and facts. Each server's module fills this in."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Facts = Mapping[str, str]


class StartFailed(RuntimeError):
    """A server did not become usable; the text says what, where its log is, and the log's last lines."""


@dataclass(frozen=True)
class Daemon:
    """One process of a server.

    `ready` makes a real request and raises, or returns False, as long as the answer is not the wanted one. A daemon
    is launched when those in `after` are ready. `signals` are pairs of a signal and the seconds that it is given, and
    `group` says whether they go to its whole process group.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    address: str
    ready: Callable[[], bool]
    after: tuple[str, ...] = ()
    seconds: float = 90.0
    signals: tuple[tuple[int, float], ...] = ((signal.SIGTERM, 15.0),)
    group: bool = True


@dataclass(frozen=True)
class Place:
    """Where a server lives: the stack's folder, the server's own folder in it, its ports and its options."""

    state: Path
    home: Path
    ports: Mapping[str, int]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """All that is to be started, with what callers are told about it."""

    daemons: Sequence[Daemon]
    facts: Facts


class Server(Protocol):
    """A server's module has these two names."""

    PORTS: tuple[str, ...]

    def plan(self, place: Place) -> Plan:
        """Fetch, write configuration, and say what to start; harmless to repeat while the server runs."""


def get(url: str, timeout: float = 5.0) -> bytes:
    """Return the body that a GET of `url` answers with status 200; anything else raises. Never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        if answer.status != 200:
            raise urllib.error.HTTPError(url, answer.status, "not 200", answer.headers, None)
        return bytes(answer.read())


def get_json(url: str, timeout: float = 5.0) -> Any:
    """Return the JSON that a GET of `url` answers."""
    return json.loads(get(url, timeout))
