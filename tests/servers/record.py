"""What a server left behind: its ports, its processes and its facts, kept in `<state>/<name>/server.json`.

The file is replaced in one act, and whatever cannot be read as a record counts as no record, so a start or a stop that
was killed half way never stands in the way of the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.process import Process


@dataclass
class Entry:
    """One daemon of a server: its process, where it listens, where it logs, and how it is asked to end.

    `signals` are pairs of a signal number and the seconds that it is given before the next one; `group` says whether
    they go to its whole process group.
    """

    process: Process
    address: str
    log: str
    signals: tuple[tuple[int, float], ...]
    group: bool = True


@dataclass
class Record:
    """The content of `server.json`."""

    ports: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


def read_record(home: Path) -> Record:
    """Return the record in `home`, or an empty one when there is none that can be read."""
    try:
        return _record(json.loads((home / "server.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def _record(raw: Mapping[str, Any]) -> Record:
    entries = {
        daemon: Entry(
            process=Process(**entry["process"]),
            address=str(entry["address"]),
            log=str(entry["log"]),
            signals=tuple((int(signal), float(seconds)) for signal, seconds in entry["signals"]),
            group=bool(entry.get("group", True)),
        )
        for daemon, entry in raw["entries"].items()
    }
    ports = {str(name): int(port) for name, port in raw["ports"].items()}
    return Record(ports=ports, options=dict(raw["options"]), facts=dict(raw["facts"]), entries=entries)


def write_record(home: Path, record: Record) -> None:
    """Put `record` in `home`, readable by its owner only, because facts and options may hold passwords."""
    write_file(home / "server.json", json.dumps(asdict(record), indent=2) + "\n", mode=0o600)


def write_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` with `text` in one act."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; the kernel gives it back when the holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
