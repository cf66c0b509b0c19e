"""The path rule: where each file of a source goes. The same on every route, whatever exists at the destination.

1. A source that is a file becomes exactly the destination; below it if the destination ends with ``/``.
2. A source that is a directory has its contents become the destination's contents.
3. The matches of a glob keep their path below the glob's fixed prefix.
"""

from __future__ import annotations

import enum

from airflow_datamove.address import Address
from airflow_datamove.errors import PathConflict
from airflow_datamove.transfer.glob import compile_segment, is_glob, split_glob, unescape


class Root(enum.StrEnum):
    """What a source address turned out to be."""

    FILE = "file"
    DIRECTORY = "directory"
    GLOB = "glob"


def destination_path(source: Address, root: Root | str, relative: str, destination: Address) -> str:
    """The path inside the destination's store of one thing of the source.

    :param relative: its path below the directory or the glob's fixed prefix, ``""`` for the directory itself; the
        file's name where the source is a file.
    :return: a path without a trailing slash; ``/`` for the store's root.
    """
    base = destination.path.rstrip("/")
    if root == Root.FILE:
        return f"{base}/{relative or unescape(source.name)}" if destination.is_directory else base
    return f"{base}/{relative}" if relative else base or "/"


def source_path(source: Address) -> str:
    """The plain path that a source means: of a glob its fixed prefix; without a trailing slash, ``/`` for the root."""
    path = split_glob(source.path)[0] if is_glob(source.path) else unescape(source.path).rstrip("/")
    return path or "/"


def same_store(one: Address, other: Address) -> bool:
    """True if two addresses lie in one store, as far as their text tells."""
    return (one.scheme, one.connection_id, one.authority) == (other.scheme, other.connection_id, other.authority)


def refuse_overlap(source: Address, destination: Address, root: Root | str | None = None) -> None:
    """Refuses a copy onto itself or into itself.

    :param root: what the source is, if that is known already: a directory may not lie inside its destination either,
        because what is written there could stand in its own way.
    :raises PathConflict: saying which of them it is.
    """
    if not same_store(source, destination):
        return
    start, end = source_path(source), destination.path.rstrip("/") or "/"
    if is_glob(source.path):
        if start == end:
            raise _refusal(source, destination, "onto itself")
        segments = split_glob(source.path)[1]
        below = end.removeprefix(start.rstrip("/")).strip("/").split("/") if _inside(end, start) else []
        # Only a destination below something that the glob matches would be copied into itself.
        if len(below) >= len([s for s in segments if s]) and all(
            compile_segment(pattern).fullmatch(name)
            for pattern, name in zip((s for s in segments if s), below, strict=False)
        ):
            raise _refusal(source, destination, "into itself")
        return
    if root == Root.FILE:
        end = destination_path(source, root, "", destination)
    if start == end:
        raise _refusal(source, destination, "onto itself")
    if _inside(end, start):
        if root is None and start == "/" and not source.is_directory:
            return
        raise _refusal(source, destination, "into itself")
    if root == Root.DIRECTORY and _inside(start, end):
        raise _refusal(source, destination, "into a directory that it lies in itself")


def can_be_path(relative: str, *, flat: bool) -> bool:
    """False for a key such as ``../x`` or ``a//b``: a bucket may hold it, no file system can, and the first one would
    even lead out of the destination.

    :param flat: the destination is a bucket too.
    """
    if "/." not in relative and "//" not in relative and not relative.startswith(".") and relative[-1:] != "/":
        return True
    segments = relative.split("/")
    return not ("." in segments or ".." in segments or (not flat and "" in segments))


def _inside(path: str, directory: str) -> bool:
    return path != directory and path.startswith(f"{directory.rstrip('/')}/")


def _refusal(source: Address, destination: Address, how: str) -> PathConflict:
    return PathConflict(
        f"{source} would be copied {how}: {destination}", remedy="Choose a destination outside the source"
    )
