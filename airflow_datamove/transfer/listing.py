"""What a source holds: :func:`list_source`, or only how much: :func:`measure_source`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, PathConflict
from airflow_datamove.stores.contract import Entry, Kind, Measure, Store
from airflow_datamove.transfer.glob import compile_segment, is_glob, split_glob, unescape
from airflow_datamove.transfer.path_rule import Root, source_path


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a source."""

    relative: str
    """Below the directory or the glob's fixed prefix; the file's name where the source is a file."""
    entry: Entry


@dataclass(frozen=True)
class Listing:
    """What a source holds, the directory itself left out."""

    root: Root
    entries: list[Item] = field(default_factory=list)

    @cached_property
    def files(self) -> int:
        """How many files."""
        return sum(item.entry.kind is Kind.FILE for item in self.entries)

    @cached_property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(item.entry.size for item in self.entries)

    @cached_property
    def directories(self) -> int:
        """How many directories, empty ones too."""
        return sum(item.entry.kind is Kind.DIRECTORY for item in self.entries)

    @cached_property
    def special(self) -> int:
        """How many symlinks and special files: counted, never followed."""
        return sum(item.entry.kind is Kind.SPECIAL for item in self.entries)


def list_source(store: Store, source: Address) -> Listing:
    """Lists a source: a file, a directory's tree, or what a glob matches (a matched directory with its tree).

    :raises NotFound: if there is nothing, or the glob matches nothing.
    :raises PathConflict: for a file with a trailing slash, and for a name that is both a file and a directory.
    :raises AddressError: for a glob that cannot be read.
    """
    if is_glob(source.path):
        prefix, _ = split_glob(source.path)
        matches = list(_matches(store, source))
        if not matches:
            raise NotFound("the glob matches nothing", path=str(source))
        cut = len(prefix.rstrip("/")) + 1
        return Listing(Root.GLOB, [Item(entry.path[cut:], entry) for match in matches for entry in _tree(store, match)])
    entry = _root(store, source)
    if entry.kind is Kind.FILE:
        return Listing(Root.FILE, [Item(entry.name, entry)])
    cut = len(entry.path.rstrip("/")) + 1
    return Listing(Root.DIRECTORY, [Item(each.path[cut:], each) for each in store.walk(entry.path)])


def measure_source(store: Store, source: Address) -> Measure:
    """How much a source holds: by one call for each match where the store can, else by its listing.

    :raises NotFound: and the others of :func:`list_source`.
    """
    if store.capabilities.measure:
        roots = list(_matches(store, source)) if is_glob(source.path) else [_root(store, source)]
        if not roots:
            raise NotFound("the glob matches nothing", path=str(source))
        each = [
            store.measure(entry.path)
            if entry.kind is Kind.DIRECTORY
            else Measure(int(entry.kind is Kind.FILE), 0, entry.size)
            for entry in roots
        ]
        return Measure(sum(m.files for m in each), sum(m.directories for m in each), sum(m.bytes for m in each))
    listing = list_source(store, source)
    return Measure(listing.files, listing.directories, listing.bytes)


def _root(store: Store, source: Address) -> Entry:
    """The entry of a source without globs."""
    path = source_path(source)
    entry = store.stat(path)
    if entry.kind is Kind.SPECIAL:
        raise NotSupported("a symlink or a special file is not followed", path=path, remedy="Name what it points to")
    if entry.kind is Kind.FILE:
        both = store.is_both(path)
        if source.is_directory and not both:
            raise PathConflict(f"{source} is a file", remedy="Leave out the slash at its end")
        if both and source.is_directory:
            return Entry(path, Kind.DIRECTORY)
        if both:
            raise PathConflict(
                f"{source} is a file and a directory at once",
                remedy="End it with / to copy the directory; to copy both, put one of its characters into [ ]",
            )
    return entry


def _tree(store: Store, entry: Entry) -> Iterator[Entry]:
    yield entry
    if entry.kind is Kind.DIRECTORY:
        yield from store.walk(entry.path)


def _matches(store: Store, source: Address) -> Iterator[Entry]:
    prefix, segments = split_glob(source.path)
    directories_only = source.is_directory
    yield from _descend(store, prefix or "/", segments, directories_only)


def _descend(store: Store, directory: str, segments: list[str], directories_only: bool) -> Iterator[Entry]:
    segment, rest = segments[0], segments[1:]
    found: Iterator[Entry]
    if is_glob(segment):
        pattern = compile_segment(segment)
        for later in rest:  # a mistake in a later segment is one even where nothing matches this one
            compile_segment(later)
        found = (entry for entry in _children(store, directory) if pattern.fullmatch(entry.name))
    else:
        found = _child(store, f"{directory.rstrip('/')}/{unescape(segment)}")
    for entry in found:
        if rest:
            if entry.kind is Kind.DIRECTORY:
                yield from _descend(store, entry.path, rest, directories_only)
        elif entry.kind is Kind.DIRECTORY or not directories_only:
            yield entry


def _children(store: Store, directory: str) -> Iterator[Entry]:
    try:
        yield from store.list(directory)
    except NotFound:
        return


def _child(store: Store, path: str) -> Iterator[Entry]:
    try:
        entry = store.stat(path)
    except NotFound:
        return
    yield entry
    if entry.kind is Kind.FILE and store.is_both(path):
        yield Entry(path, Kind.DIRECTORY)
