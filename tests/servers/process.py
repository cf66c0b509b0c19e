"""Processes that outlive the command that started them: start, know again, end.

A process is known by its id together with the moment at which the kernel started it, so a recycled id is never taken
for ours. Each one carries a mark in its environment which its children inherit; with it, children that made a session
of their own are found as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "DATAMOVE_SERVER"

# Children of this very process stay zombies until they are waited for, so their handles are kept.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Process:
    """A process: its id, its start in kernel clock ticks since boot, and which boot that was."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Say whether this very process still runs (a zombie does not)."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return find_process(self.pid) == self

    def since(self) -> float:
        """Return the moment of its start, in seconds since 1970."""
        uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return time.time() - uptime + self.started / os.sysconf("SC_CLK_TCK")


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _fields(pid: int) -> list[str] | None:
    """Return /proc/PID/stat from its third field on (the second, the name, may hold spaces), or None."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def find_process(pid: int) -> Process | None:
    """Return the process that has this id now, or None."""
    fields = _fields(pid)
    if not fields:
        return None
    # The first thread of a process that dies is a zombie while the others still hold its ports.
    if fields[0] in "ZX" and int(fields[17]) <= 1:
        return None
    return Process(pid=pid, started=int(fields[19]), boot=_boot())


def launch(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, mark: str) -> Process:
    """Start `argv` in a session of its own, so that Ctrl-C at a terminal does not reach it; output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    cwd.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**env, MARK: mark},
            start_new_session=True,
        )
    _children[child.pid] = child
    # A child that has ended already is a zombie of ours and still has its start time.
    fields = _fields(child.pid)
    return Process(pid=child.pid, started=int(fields[19]) if fields else 0, boot=_boot())


def end(processes: Iterable[tuple[Process, Sequence[tuple[int, float]], bool]]) -> None:
    """End processes side by side, each by its own signals (number, seconds), at last by SIGKILL.

    The third of each says whether the signals go to the whole group or to the process alone.
    """
    last = (int(signal.SIGKILL), 5.0)
    waiting = [(process, [*signals, last], group) for process, signals, group in processes if process.alive()]
    deadlines: dict[Process, float] = {}
    while waiting:
        still = []
        for process, signals, group in waiting:
            if not process.alive():
                if group:
                    # The leader is gone; what is left of its group has lost its purpose.
                    _signal(process.pid, signal.SIGKILL, group)
                continue
            if time.monotonic() >= deadlines.get(process, 0.0):
                if not signals:
                    raise TimeoutError(f"process {process.pid} does not end, not even by SIGKILL")
                number, seconds = signals.pop(0)
                _signal(process.pid, number, group)
                deadlines[process] = time.monotonic() + seconds
            still.append((process, signals, group))
        waiting = still
        if waiting:
            time.sleep(0.05)


def _signal(pid: int, number: int, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def _all_pids() -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            yield int(entry)


def marked(mark: str) -> list[Process]:
    """Return every process whose mark is `mark` or lies below it (`mark`/...)."""
    exact, below = f"{MARK}={mark}".encode(), f"{MARK}={mark}/".encode()
    found = []
    for pid in _all_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(variable == exact or variable.startswith(below) for variable in environment):
            process = find_process(pid)
            if process is not None and pid != os.getpid():
                found.append(process)
    return found


def descendants(processes: Iterable[Process]) -> list[Process]:
    """Return the children of `processes`, their children, and so on (a changed title hides the mark of some)."""
    children: dict[int, list[int]] = {}
    for pid in _all_pids():
        fields = _fields(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found, todo = [], [process.pid for process in processes if process.alive()]
    while todo:
        for child in children.get(todo.pop(), []):
            process = find_process(child)
            todo.append(child)
            if process is not None:
                found.append(process)
    return found


def session(leader: Process) -> list[Process]:
    """Return the processes of the session that `leader` made, also when it is gone itself.

    As long as one of them lives, the kernel gives the leader's id to nobody else.
    """
    found = []
    for pid in _all_pids():
        fields = _fields(pid)
        if fields and int(fields[3]) == leader.pid and pid != leader.pid:
            process = find_process(pid)
            if process is not None and process.boot == leader.boot and process.started >= leader.started:
                found.append(process)
    return found if find_process(leader.pid) in (None, leader) else []


def kill(processes: Iterable[Process]) -> None:
    """Kill each process that is still alive, at once and alone (not its group, which may be somebody else's)."""
    for process in processes:
        if process.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)


def resident(processes: Iterable[Process]) -> tuple[int, int | None]:
    """Return the bytes of memory that processes hold: their RSS, and their PSS, or None where the kernel hides it.

    RSS counts a page once for each process that shares it, PSS once in all.
    """
    rss, pss, hidden = 0, 0, False
    for process in processes:
        status = _kibibytes(process.pid, "status", "VmRSS:")
        share = _kibibytes(process.pid, "smaps_rollup", "Pss:")
        rss += status or 0
        pss += share or 0
        hidden = hidden or (share is None and bool(status) and process.alive())
    return rss, None if hidden else pss


def _kibibytes(pid: int, file: str, label: str) -> int | None:
    """Return a line of a file in /proc/PID as bytes; None when it cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(label)), None)
