"""What must come of a copy, by the path rule: :func:`expected`. A model that shares no code with what it judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from airflow_datamove.transfer.options import Overwrite

Tree = Mapping[str, bytes | None]
"""Paths to contents; ``None``: a directory that holds nothing."""
Standing = Tree | bytes | None
"""What stands somewhere: a directory, a file, nothing."""

PATTERNS = ("*", "a*", "?", "[ab]*", "{a,b}", "*/*", "*/a*")
"""The globs that cases are drawn with."""


@dataclass(frozen=True)
class Case:
    """One copy."""

    source: Tree
    """What lies in the directory S."""
    name: str = ""
    """What of it is the source: a path in it; empty: S itself."""
    pattern: str = ""
    """Or a glob below S, one of :data:`PATTERNS`."""
    source_slash: bool = False
    standing: Standing = None
    """What is at the destination T beforehand."""
    newer: bool = False
    """That is newer than the source."""
    destination_slash: bool = False
    overwrite: Overwrite = Overwrite.IF_CHANGED
    mirror: bool = False


@dataclass(frozen=True)
class Outcome:
    """What must be at T afterwards; with an error, what was there before."""

    standing: Standing
    error: str = ""
    """The name of its class."""
    or_refused: bool = False
    """Or the whole copy is refused, and leaves what was there: the destination cannot hold one of the names, or Hadoop
    cannot name the source."""


@dataclass
class _Nodes:
    """Directories and files by their paths below T; the path ``""`` is T."""

    files: dict[str, bytes] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)

    def add(self, path: str, content: bytes | None) -> None:
        if content is None:
            self.directories.add(path)
        else:
            self.files[path] = content
        if path:
            self.directories.update(_above(path))


def expected(case: Case, *, compares: bool, unheld: str = "", flat: bool = False) -> Outcome:
    """What must come of a case.

    :param compares: the two ends have comparable checksums.
    :param unheld: characters that no name at the destination can have.
    :param flat: the destination needs no directories but those that hold nothing.
    """
    is_file = case.source.get(case.name) is not None and not case.pattern
    if is_file and any(path.startswith(f"{case.name}/") for path in case.source):
        return Outcome(case.standing, "PathConflict")  # in a bucket, a file and a directory at once
    moved = _moved(case)
    if not moved:
        return Outcome(case.standing, "NotFound")
    there = _nodes(case.standing)
    coming = _Nodes()
    for path, content in moved.items():
        coming.add(path, content)
    directories = there.directories | coming.directories
    if coming.files.keys() & directories or coming.directories & there.files.keys():
        return Outcome(case.standing, "PathConflict")
    made = {path for path, content in moved.items() if content is None} if flat else coming.directories
    if any(set(unheld) & set(path) for path in made):
        return Outcome(case.standing, "PathConflict")
    fails = any(set(unheld) & set(path) for path in coming.files)
    if fails and is_file and flat:
        return Outcome(case.standing, "NotSupported", or_refused=True)
    if fails and flat:
        held = {path: content for path, content in moved.items() if not set(unheld) & set(path)}
        coming = _nodes(held)
    mirrored = case.mirror and not fails
    result = _Nodes(
        {} if mirrored else dict(there.files),
        coming.directories | (set() if mirrored else there.directories),
    )
    for path, content in coming.files.items():
        old = there.files.get(path)
        if not set(unheld) & set(path):
            result.files[path] = content if old is None or _replaces(case, content, old, compares) else old
    return Outcome(_standing(result), "CopyFailed" if fails else "", or_refused=fails or ":" in case.name)


def _moved(case: Case) -> dict[str, bytes | None]:
    """What is copied, by where it goes below T."""
    if case.pattern:
        return {path: content for path, content in case.source.items() if _matches(case.pattern, path, content)}
    if case.name in case.source and case.source[case.name] is not None:
        return {case.name.rpartition("/")[2] if case.destination_slash else "": case.source[case.name]}
    prefix = f"{case.name}/" if case.name else ""
    below = {path[len(prefix) :]: each for path, each in case.source.items() if path.startswith(prefix)}
    return {"": None, **below} if below or not case.name or case.name in case.source else {}


def _replaces(case: Case, new: bytes, old: bytes, compares: bool) -> bool:
    if case.overwrite is not Overwrite.IF_CHANGED:
        return case.overwrite is Overwrite.ALWAYS
    return len(new) != len(old) or (new != old and (compares or not case.newer))


def _matches(pattern: str, path: str, content: bytes | None) -> bool:
    """Whether a thing, or a directory that it lies in, is matched."""
    segments, names = pattern.split("/"), path.split("/")
    return len(names) >= len(segments) and all(map(_fits, segments, names))


def _fits(segment: str, name: str) -> bool:
    rules = {"*": True, "a*": name[0] == "a", "?": len(name) == 1, "[ab]*": name[0] in "ab", "{a,b}": name in "ab"}
    return rules[segment]


def _nodes(standing: Standing) -> _Nodes:
    nodes = _Nodes()
    if isinstance(standing, bytes):
        nodes.add("", standing)
    elif standing is not None:
        nodes.add("", None)
        for path, content in standing.items():
            nodes.add(path, content)
    return nodes


def _standing(nodes: _Nodes) -> Standing:
    if "" in nodes.files:
        return nodes.files[""]
    parents = {parent for path in (*nodes.files, *nodes.directories) if path for parent in _above(path)}
    return {**nodes.files, **{path: None for path in nodes.directories if path and path not in parents}}


def _above(path: str) -> Iterator[str]:
    """The directories that a path lies in, up to T."""
    while path:
        path = path.rpartition("/")[0]
        yield path
