"""Starting, stopping and looking at servers, whatever state they were left in."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from tests.servers.port import HOST, choose_ports
from tests.servers.process import Process, descendants, end, kill, launch, marked, resident, session
from tests.servers.record import Entry, Record, locked, read_record, write_record
from tests.servers.server import Daemon, Facts, Place, Plan, Server, StartFailed

# In the order in which they are best started: Hadoop is told where gcs and seaweedfs are.
NAMES = ("gcs", "azurite", "seaweedfs", "sftp", "ssh", "postgres", "mariadb", "hadoop", "airflow")

# Where the folders of the demo, the tests, the benchmarks, ... lie.
STATES = Path(__file__).resolve().parents[2] / ".stack"

_LAST_LINES = 20


class StopFailed(RuntimeError):
    """Something could not be stopped; the text says what, and why."""


class Memory(NamedTuple):
    """Bytes of memory that servers hold, with all that they started."""

    rss: int
    pss: int | None
    """What they share is counted once; None where the kernel does not tell."""


class Row(NamedTuple):
    """One daemon, as `status` tells of it."""

    name: str
    daemon: str
    pid: int
    alive: bool
    address: str
    log: str


def start(name: str, state: Path, daemon: str | None = None, **options: Any) -> Facts:
    """Start a server (or one daemon of it: `hadoop.namenode`) in the folder `state`, and return its facts.

    It returns when real requests are answered. What runs already is left alone. Options are kept for the next start:
    for hadoop `gcs_url`, `s3_url`, `s3_region`, `s3_access_key`, `s3_secret_key`; for airflow `env`, a mapping, and
    `database`, an address (a change of these restarts it).
    When a start fails, nothing that it started stays.
    """
    name, daemon = _names(name, daemon)
    home = _home(state, name)
    with locked(home / ".lock"):
        record = read_record(home)
        running = {each for each, entry in record.entries.items() if entry.process.alive()}
        if not record.entries:
            # Daemons whose record was lost would hold the ports and the data.
            kill(marked(_mark(home)))
        server = _server(name)
        given = _given(server, options)
        changed = {key for key, value in given.items() if record.options.get(key) != value}
        if running and changed.intersection(getattr(server, "RESTARTS_FOR", ())):
            _stop(record, home, set(running))
            running = set()
        record.options.update(given)
        record.ports.update(choose_ports(server.PORTS, record.ports, running=bool(running)))
        place = Place(state=home.parent, home=home, ports=record.ports, options=record.options)
        plan = server.plan(place)
        record.facts = dict(plan.facts)
        write_record(home, record)
        launched: set[str] = set()
        try:
            _launch_all(name, plan, place, record, running, launched, only=daemon)
        except BaseException:
            _stop(record, home, launched if daemon else set(record.entries), sweep=daemon is None)
            raise
        return dict(record.facts)


def stop(name: str, state: Path, daemon: str | None = None) -> None:
    """End a server, or one daemon of it, and wait until it is gone; harmless when nothing runs."""
    name, daemon = _names(name, daemon)
    home = _home(state, name)
    if home.is_dir():
        with locked(home / ".lock"):
            record = read_record(home)
            _stop(record, home, {daemon} if daemon else set(record.entries), sweep=daemon is None)


def stop_all(state: Path) -> None:
    """End every server of a state folder; one that resists keeps no other from being ended.

    :raises StopFailed: when all were asked, and one of them does not end.
    """
    problems = []
    for name in reversed(NAMES):
        try:
            stop(name, state)
        except (OSError, ValueError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise StopFailed(f"not stopped in {state}: {'; '.join(problems)}")


def states(root: Path) -> list[Path]:
    """Return the state folders directly below a folder: those in which any server was ever started."""
    return sorted({home.parent for name in NAMES for home in root.glob(f"*/{name}") if home.is_dir()})


def memory(state: Path) -> Memory:
    """Return what all servers of a state folder hold now, with all that they started: tasks, YARN's containers."""
    found: dict[int, Process] = {}
    for name in NAMES:
        home = _home(state, name)
        leaders = [entry.process for entry in read_record(home).entries.values() if entry.process.alive()]
        below = [each for leader in leaders for each in session(leader)]
        for process in [*leaders, *below, *descendants(leaders), *marked(_mark(home))]:
            found[process.pid] = process
    return Memory(*resident(found.values()))


def status(state: Path) -> list[Row]:
    """Return a row for each daemon that was started in `state`, alive or not."""
    rows = []
    for name in NAMES:
        for daemon, entry in read_record(_home(state, name)).entries.items():
            process = entry.process
            rows.append(Row(name, daemon, process.pid, process.alive(), entry.address, entry.log))
    return rows


def facts(name: str, state: Path) -> Facts:
    """Return what the last start of a server told, without starting anything; empty when there was none."""
    return read_record(_home(state, name)).facts


def _names(name: str, daemon: str | None) -> tuple[str, str | None]:
    name, _, suffix = name.partition(".")
    if name not in NAMES:
        raise ValueError(f"no server is called {name!r}; there are: {', '.join(NAMES)}")
    return name, daemon or suffix or None


def _given(server: Server, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given, by the caller or else by the environment."""
    variables: Mapping[str, str] = getattr(server, "ENVIRONMENT", {})
    found = {**{key: os.environ.get(variable) for key, variable in variables.items()}, **options}
    return {key: value for key, value in found.items() if value is not None}


def _home(state: Path, name: str) -> Path:
    return Path(os.path.abspath(state)) / name


def _server(name: str) -> Server:
    return cast(Server, importlib.import_module(f"tests.servers.{name}"))


def _mark(home: Path, daemon: str = "") -> str:
    return f"{home}/{daemon}".rstrip("/")


def _launch_all(
    name: str, plan: Plan, place: Place, record: Record, running: set[str], launched: set[str], only: str | None
) -> None:
    known = {daemon.name: daemon for daemon in plan.daemons}
    if only is not None and only not in known:
        raise ValueError(f"{name} has no daemon {only!r}; there are: {', '.join(known)}")
    wanted = [known[only]] if only else list(plan.daemons)
    ready: set[str] = set()
    for daemon in wanted:
        log = place.state / "logs" / f"{name}-{daemon.name}.log"
        for before in daemon.after:
            if only is None and before not in ready:
                _wait(known[before], record.entries[before])
                ready.add(before)
        if daemon.name not in running:
            mark = _mark(place.home, daemon.name)
            process = launch(daemon.argv, env=daemon.env, cwd=place.home / "work" / daemon.name, log=log, mark=mark)
            launched.add(daemon.name)
            record.entries[daemon.name] = Entry(process, daemon.address, str(log), daemon.signals, daemon.group)
            write_record(place.home, record)
    for daemon in wanted:
        if daemon.name not in ready:
            _wait(daemon, record.entries[daemon.name])


def _wait(daemon: Daemon, entry: Entry) -> None:
    deadline = time.monotonic() + daemon.seconds
    answer = "nothing yet"
    while time.monotonic() < deadline:
        try:
            # Alive as well: on a port that somebody else has, somebody else may give the right answer.
            if daemon.ready() and entry.process.alive():
                return
            answer = "not the wanted answer"
        except Exception as error:  # whatever is wrong with a server that comes up, the next try may be right
            answer = f"{type(error).__name__}: {error}"
        if not entry.process.alive():
            raise StartFailed(f"{daemon.name} ended by itself.{_tail(entry.log)}")
        time.sleep(0.1)
    raise StartFailed(
        f"{daemon.name} at {entry.address} is not usable after {daemon.seconds:.0f} s ({answer}).{_tail(entry.log)}"
    )


def _tail(log: str) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.path.getsize(log) - 16_384))
            lines = file.read().decode("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    except OSError:
        lines = []
    return f" Log {log}, last lines:\n" + "\n".join(f"    {line}" for line in lines)


def _stop(record: Record, home: Path, daemons: set[str], *, sweep: bool = True) -> None:
    entries = [record.entries[daemon] for daemon in daemons if daemon in record.entries]
    below = descendants(entry.process for entry in entries) if sweep else []
    below += [process for entry in entries if sweep for process in session(entry.process)]
    end((entry.process, entry.signals, entry.group) for entry in entries)
    if sweep:
        # What made a session of its own (a YARN container, a task) or was started by a command that was killed
        # before it could note it down.
        kill(below)
        for _ in range(3):
            strays = marked(_mark(home))
            kill(strays)
            if not strays:
                break
            time.sleep(0.1)
    for daemon in daemons:
        record.entries.pop(daemon, None)
    if record.entries or (home / "server.json").exists():
        write_record(home, record)


def default_state() -> Path:
    """Return the stack's folder that the command line uses: DATAMOVE_STACK, or `.stack/demo` in the checkout."""
    return Path(os.environ.get("DATAMOVE_STACK") or STATES / "demo")


def loopback(port: int, scheme: str = "http") -> str:
    """Return the address of a port of this machine."""
    return f"{scheme}://{HOST}:{port}"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what would steer a server (proxies, HADOOP_*, ...), plus `extra`."""
    # SeaweedFS lets in whoever AWS_ACCESS_KEY_ID names; rclone, s5cmd and azcopy read their settings there.
    steering = "HADOOP_ YARN_ MAPRED_ AIRFLOW_ JAVA_TOOL_OPTIONS PG AZURITE_ DATAMOVE_SERVER"
    stripped = tuple(f"{steering} AWS_ S3_ WEED_ RCLONE_ AZCOPY_".split())
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(stripped) and not key.lower().endswith("_proxy")
    }
    return {**kept, **(extra or {})}
