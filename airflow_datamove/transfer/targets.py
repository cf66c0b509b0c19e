"""Every path that a copy gives to a source's things, by the path rule: :class:`Targets`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Kind
from airflow_datamove.transfer.listing import Item, Listing
from airflow_datamove.transfer.path_rule import Root, destination_path


@dataclass(frozen=True)
class Targets:
    """Paths inside the destination's store."""

    top: str
    """The directory that everything comes to lie in."""
    files: dict[str, Item]
    directories: dict[str, None]
    """All that must be directories: those of the source, ``top`` and whatever lies between; in no order."""
    special: frozenset[str]
    """Where the source has symlinks and special files, which are not copied."""

    @classmethod
    def of(cls, listing: Listing, source: Address, destination: Address) -> Targets:
        """The targets of a whole listing."""
        by_kind: dict[Kind, dict[str, Item]] = {kind: {} for kind in Kind}
        for item in listing.entries:
            path = destination_path(source, listing.root, item.relative, destination)
            by_kind[item.entry.kind][path] = item
        files = by_kind[Kind.FILE]
        if listing.root is Root.FILE:
            top = next(iter(files)).rpartition("/")[0] or "/"
        else:
            top = destination_path(source, listing.root, "", destination)
        directories: dict[str, None] = {} if listing.root is Root.FILE else {top: None}
        for path in [*by_kind[Kind.DIRECTORY], *(path.rpartition("/")[0] for path in files)]:
            while len(path) > len(top) and path not in directories:
                directories[path] = None
                path = path.rpartition("/")[0]
        return cls(top, files, directories, frozenset(by_kind[Kind.SPECIAL]))

    @cached_property
    def empty(self) -> set[str]:
        """The directories without anything in them: a store of flat names needs a marker for these alone."""
        parents = {path.rpartition("/")[0] or "/" for path in [*self.files, *self.directories]}
        return set(self.directories) - parents

    def clashes(self, *, flat: bool) -> Iterator[str]:
        """What the source's own names make impossible, as sentences.

        A bucket may hold keys such as ``../x``, ``a//b``, or ``a`` beside ``a/b``, which no file system can: the first
        would even lead out of the destination.
        """
        for path, item in self.files.items():
            segments = item.relative.split("/")
            if "." in segments or ".." in segments or (not flat and "" in segments):
                yield f"{item.entry.path!r} cannot be a path at the destination"
            if not flat and path in self.directories:
                yield f"{item.entry.path} is a file and a directory at once in the source"
