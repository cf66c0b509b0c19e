"""Ours and its peers in turns on the same work: :func:`contest`."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Cost, Costs, Row, say
from tests.servers import status

OURS = "datamove"
_TICKS = os.sysconf("SC_CLK_TCK")


def contest(
    work: str,
    rounds: int,
    clients: Mapping[str, Callable[[int], Cost]],
    *,
    servers: Callable[[], float],
    walls: Mapping[str, float],
    cpu: float | None = None,
) -> list[Row]:
    """Measures all clients in each round, who begins rotates, and compares the medians.

    :param clients: ours as :data:`OURS`, and the peers; each does the work of a round and says what it cost.
    :param servers: CPU seconds of the servers until now.
    :param walls: for each peer that there is a bar for: so many times as fast as it we mean to be.
    :param cpu: so many times the first peer's CPU seconds we mean to stay below.
    """
    rounds = int(os.environ.get("DATAMOVE_BENCH_ROUNDS", rounds))
    costs = {name: Costs() for name in clients}
    names = list(clients)
    say(f"{work}: {rounds} rounds")
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            before = servers()
            cost = clients[name](number)
            cost = replace(cost, server=servers() - before)
            costs[name].add(cost)
            say(
                f"  round {number + 1} of {rounds}, {name}: {cost.wall:.2f} s, {cost.cpu:.2f} CPU s, "
                f"{cost.resident / 2**20:.0f} MiB, servers {cost.server:.2f} CPU s"
            )
    rows: list[Row] = []
    ours = costs[OURS]
    for peer in names[1:]:
        theirs = costs[peer]
        rows.append(_row(work, "s", ours.walls, peer, theirs.walls, walls.get(peer)))
        bar = 1 / cpu if cpu and peer == names[1] else None
        rows.append(_row(work, "CPU s", ours.cpus, peer, theirs.cpus, bar))
        rows.append(_row(work, "MiB resident", ours.residents, peer, theirs.residents, None))
        rows.append(_row(work, "server CPU s", ours.servers, peer, theirs.servers, None))
    return rows


def alone(work: str, unit: str, ours: Iterable[float], *, most: float | None = None) -> Row:
    """A row without a peer.

    :param most: what it must not pass.
    """
    median = statistics.median(ours)
    reach = None if most is None or median == 0 else round(most / median, 3)
    return Row(work, unit, round(median, 3), reach=reach, ok=None if most is None else median <= most)


def server_cpu(state: Path) -> float:
    """CPU seconds, until now, of all servers of a stack and of their children."""
    pids = {row.pid for row in status(state) if row.alive}
    return sum(_cpu(pid) for pid in _with_children(pids))


def cpu_of(pid: int) -> float:
    """CPU seconds of one process until now."""
    return _cpu(pid)


def _cpu(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _with_children(pids: set[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
    found = set(pids)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def _row(work: str, unit: str, ours: list[float], peer: str, theirs: list[float], bar: float | None) -> Row:
    our_median, peer_median = statistics.median(ours), statistics.median(theirs)
    ratio = peer_median / our_median if our_median else 0.0
    reach = None if bar is None else round(ratio / bar, 3)
    return Row(
        work,
        unit,
        round(our_median, 3),
        peer,
        round(peer_median, 3),
        round(ratio, 3),
        reach,
        None if bar is None else ratio >= bar,
    )
