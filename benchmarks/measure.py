"""The measuring: wall and CPU seconds of a process, ours and a peer's in turns, and the rows of a result."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

WALL, CPU = "s", "CPU s"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a result; README.md tells what the fields mean."""

    work: str
    unit: str
    ours: float
    peer_name: str = ""
    peer: float | None = None
    ratio: float | None = None
    """``peer / ours``: above 1 means that we are faster."""
    reach: float | None = None
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: wall seconds, and CPU seconds (user and system) of it and its children."""

    wall: float
    cpu: float
    output: str = ""
    """What it wrote to stdout."""
    resident: int = 0
    """Bytes, at most, of the process and its children."""
    server: float = 0.0
    """CPU seconds of the servers meanwhile."""


@dataclass(slots=True)
class Costs:
    """Those of all rounds."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    residents: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)

    def add(self, cost: Cost) -> None:
        """One round more."""
        self.walls.append(cost.wall)
        self.cpus.append(cost.cpu)
        self.residents.append(cost.resident / 2**20)
        self.servers.append(cost.server)


class WentWrong(Exception):
    """A command that is measured failed, or did not do its work: its time means nothing."""


def run_measured(command: Sequence[str], env: Mapping[str, str], log: Path) -> Cost:
    """Runs a command to its end.

    :param log: takes its stderr; its last lines are shown if it fails.
    :raises WentWrong: if it fails.
    """
    with log.open("wb") as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            list(command), env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None
        high = _HighWater(process.pid)
        output = process.stdout.read().decode("utf-8", errors="replace")
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        high.over.set()
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = "\n    ".join(log.read_text("utf-8", "replace").splitlines()[-10:])
        raise WentWrong(f"{command[0]} ended with {process.returncode}:\n    {last}")
    return Cost(wall, used.ru_utime + used.ru_stime, output, high.bytes)


class _HighWater(threading.Thread):
    """The most resident memory that a process has had, as the system keeps it (``VmHWM``: ``ru_maxrss`` would begin
    with that of the process that started it), and the most that its children have had beside it (``Pss``, which counts
    what they share with it in parts)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = Path(f"/proc/{pid}")
        self._children = Path(f"/proc/{pid}/task/{pid}/children")
        self._own = self._theirs = 0
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.05):
            with suppress(OSError, ValueError, IndexError):
                self._own = _kib(self._process / "status", "VmHWM:")
                children = self._children.read_text().split()
                theirs = sum(_kib(Path(f"/proc/{child}/smaps_rollup"), "Pss:") for child in children)
                self._theirs = max(self._theirs, theirs)

    @property
    def bytes(self) -> int:
        """Of all of them together."""
        return (self._own + self._theirs) * 1024


def _kib(file: Path, name: str) -> int:
    return int(file.read_text().partition(name)[2].split()[0])


def in_turns(rounds: int, ours: Callable[[int], Cost], peer: Callable[[int], Cost]) -> tuple[Costs, Costs]:
    """Measures both in each round; who begins alternates, so that neither always finds the other's caches.

    :param ours: is given the number of the round, from 0.
    """
    both = (Costs(), Costs())
    for number in range(rounds):
        order = ((0, ours), (1, peer))
        for index, measure in order if number % 2 == 0 else order[::-1]:
            cost = measure(number)
            both[index].add(cost)
            who = ("ours", "peer")[index]
            say(f"  round {number + 1} of {rounds}, {who}: {cost.wall:.2f} s, {cost.cpu:.2f} CPU s")
    return both


def compared(work: str, peer_name: str, ours: Costs, peer: Costs) -> list[Row]:
    """A row of walls and a row of CPU seconds."""
    return [
        row(work, WALL, ours.walls, peer_name, peer.walls),
        row(work, CPU, ours.cpus, peer_name, peer.cpus),
    ]


def row(work: str, unit: str, ours: Sequence[float], peer_name: str = "", peer: Sequence[float] = ()) -> Row:
    """A row of medians, where less is better.

    :raises ValueError: for fewer than three rounds.
    """
    if len(ours) < 3 or (peer and len(peer) < 3):
        raise ValueError(f"{work}: a median of fewer than 3 rounds")
    our_median = statistics.median(ours)
    if not peer:
        return Row(work, unit, round(our_median, 3))
    peer_median = statistics.median(peer)
    return Row(work, unit, round(our_median, 3), peer_name, round(peer_median, 3), round(peer_median / our_median, 3))


def table(rows: Sequence[Row]) -> str:
    """The rows as text, in columns."""
    heads = ("work", "unit", "ours", "peer", "peer's", "ratio", "reach", "ok")
    lines = [heads, *(_cells(each) for each in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    shown = []
    for line in lines:
        left = f"{line[0]:{widths[0]}}  {line[1]:{widths[1]}}  {line[2]:>{widths[2]}}  {line[3]:{widths[3]}}"
        rest = [f"{cell:>{width}}" for cell, width in zip(line[4:], widths[4:], strict=True)]
        shown.append("  ".join([left, *rest]).rstrip())
    return "\n".join(shown)


def say(text: str) -> None:
    """Tells who waits what is being done."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _cells(each: Row) -> tuple[str, ...]:
    ok = "" if each.ok is None else "yes" if each.ok else "NO"
    numbers = [_number(value) for value in (each.peer, each.ratio, each.reach)]
    return (each.work, each.unit, _number(each.ours), each.peer_name, *numbers, ok)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
