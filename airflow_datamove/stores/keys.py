"""A tree of directories, seen in the flat keys of a bucket or a container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.temporary import is_temporary


def key_of(path: str) -> str:
    """The key of a path: ``/a/b`` is ``a/b``, and ``/`` is ``""``."""
    return path.removeprefix("/")


def prefix_of(path: str) -> str:
    """What the keys below a directory begin with; ``""`` for the root."""
    key = key_of(path)
    return f"{key}/" if key else ""


def tree(path: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Adds the directories that the paths of files imply, parents before children, each once.

    :param path: the directory that was listed; it is left out.
    :param entries: files, and directories where the store keeps a marker, as they come.
    """
    base = path.rstrip("/")
    told: set[str] = {base, path}
    for entry in entries:
        above: list[str] = []
        parent = entry.path.rpartition("/")[0]
        while len(parent) > len(base) and parent not in told:
            if not parent.endswith("/"):
                above.append(parent)
            told.add(parent)
            parent = parent.rpartition("/")[0]
        for directory in reversed(above):
            yield Entry(directory, Kind.DIRECTORY)
        if entry.kind is not Kind.DIRECTORY:
            if not is_temporary(entry.name):
                yield entry
        elif entry.path not in told:
            told.add(entry.path)
            yield entry


def children(entries: Iterable[Entry]) -> list[Entry]:
    """One directory's entries, sorted, each directory once (its marker and its prefix are told separately)."""
    once = {(entry.name, entry.kind): entry for entry in entries if entry.name and not is_temporary(entry.name)}
    return [once[key] for key in sorted(once)]
