"""A source as a tree of directories, whatever its address was: :func:`view_source`.

A comparison goes through it one directory at a time, so that memory follows the largest directory and not the tree.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, NotSupported, PathConflict, StoreError, WrongUse
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.glob import compile_segment, is_glob, split_glob, unescape
from airflow_datamove.transfer.path_rule import Root, source_path

_THREADS = 16
_AT_A_TIME = 256


class SourceView(ABC):
    """What a source holds, by paths relative to it; ``""`` is its top."""

    root: Root
    top: str
    """The path in the store that relative paths are below; of a file, the file's."""

    @abstractmethod
    def children(self, relative: str) -> Iterator[Entry]:
        """What lies in a directory of the source, sorted by name."""

    def below(self, relative: str) -> Iterator[Entry] | None:
        """Everything below a directory in as few calls as the store allows, parents before children; ``None`` where
        only :meth:`children` will do."""
        return None

    def counts(self, relative: str) -> bool:
        """True if a directory is itself part of the source, and not only on the way to what is."""
        return True

    def covers(self, path: str) -> bool:
        """True if something at this path of the store would belong to the source."""
        return path.startswith(f"{self.top.rstrip('/')}/")

    def holds_something(self) -> bool:
        """True if anything belongs to the source. Looks no further than the first thing that does."""
        pending = [""]
        while pending:
            for entry in self.children(pending.pop()):
                relative = entry.path[len(self.top.rstrip("/")) + 1 :]
                if entry.kind is not Kind.DIRECTORY or self.counts(relative):
                    return True
                pending.append(relative)
        return False

    def has(self, relative: str, kind: Kind) -> bool:
        """True if something of this name and kind lies there in the source."""
        parent, _, name = relative.rpartition("/")
        return any(each.name == name and each.kind is kind for each in self.children(parent))

    def path(self, relative: str) -> str:
        """The path in the store."""
        return f"{self.top.rstrip('/')}/{relative}" if relative else self.top


class FileView(SourceView):
    """A single file."""

    root = Root.FILE

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.top = entry.path

    def children(self, relative: str) -> Iterator[Entry]:
        """The file itself."""
        yield self.entry

    def covers(self, path: str) -> bool:
        """See :class:`SourceView`."""
        return path == self.top


class DirectoryView(SourceView):
    """A directory with all that is in it."""

    root = Root.DIRECTORY

    def __init__(self, store: Store, top: str) -> None:
        self._store, self.top = store, top

    def children(self, relative: str) -> Iterator[Entry]:
        """See :class:`SourceView`."""
        return self._store.list(self.path(relative))

    def below(self, relative: str) -> Iterator[Entry] | None:
        """See :class:`SourceView`."""
        return self._store.walk(self.path(relative))


class GlobView(SourceView):
    """What a glob matches, and the trees of the directories among it.

    :raises AddressError: for a glob that cannot be read.
    """

    root = Root.GLOB

    def __init__(self, store: Store, source: Address) -> None:
        prefix, segments = split_glob(source.path)
        self._store, self.top = store, prefix or "/"
        self._directories_only = source.is_directory
        self._segments = [segment for segment in segments if segment]
        self._patterns = [compile_segment(segment) if is_glob(segment) else None for segment in self._segments]

    def children(self, relative: str) -> Iterator[Entry]:
        """See :class:`SourceView`."""
        depth = relative.count("/") + 1 if relative else 0
        if depth >= len(self._segments):
            yield from self._store.list(self.path(relative))
            return
        last = depth == len(self._segments) - 1
        for entry in self._matching(relative, depth):
            if entry.kind is Kind.DIRECTORY or (last and not self._directories_only):
                yield entry

    def below(self, relative: str) -> Iterator[Entry] | None:
        """See :class:`SourceView`."""
        return self._store.walk(self.path(relative)) if self.counts(relative) else None

    def counts(self, relative: str) -> bool:
        """See :class:`SourceView`."""
        return bool(relative) and relative.count("/") + 1 >= len(self._segments)

    def covers(self, path: str) -> bool:
        """See :class:`SourceView`."""
        if not super().covers(path):
            return False
        names = path.removeprefix(self.top.rstrip("/") + "/").split("/")
        return len(names) >= len(self._segments) and all(
            pattern.fullmatch(name) if pattern else unescape(segment) == name
            for pattern, segment, name in zip(self._patterns, self._segments, names, strict=False)
        )

    def _matching(self, relative: str, depth: int) -> Iterator[Entry]:
        pattern = self._patterns[depth]
        directory = self.path(relative)
        try:
            if pattern is not None:
                yield from (entry for entry in self._store.list(directory) if pattern.fullmatch(entry.name))
                return
            path = f"{directory.rstrip('/')}/{unescape(self._segments[depth])}"
            entry = self._store.stat(path)
            if entry.kind is Kind.FILE and self._store.is_both(path):
                yield Entry(path, Kind.DIRECTORY)
            yield entry
        except NotFound:
            return


class ManifestView(SourceView):
    """The files that a manifest names, below a directory of the source's store.

    :param lines: a relative path each; a line that begins with a quotation mark is a JSON string, so that any name can
        be written; empty lines and those that begin with ``#`` are left out.
    :raises WrongUse: for a line that cannot be a path below the source.
    """

    root = Root.DIRECTORY

    def __init__(self, store: Store, top: str, lines: Iterator[str]) -> None:
        self._store, self.top = store, top
        self._tree: dict[str, dict[str, bool]] = {}
        self.missing: list[tuple[str, StoreError]] = []
        """What the manifest names and the source lacks; filled while the tree is gone through."""
        for number, line in enumerate(lines, 1):
            if line and not line.startswith("#"):
                self._add(_read_line(line, number), number)

    def children(self, relative: str) -> Iterator[Entry]:
        """See :class:`SourceView`."""
        names = sorted(self._tree.get(relative, {}).items())
        paths = [f"{relative}/{name}" if relative else name for name, is_file in names if is_file]
        found = self._asked(paths)
        for name, is_file in names:
            child = f"{relative}/{name}" if relative else name
            if not is_file:
                if self._leads_elsewhere(child):
                    self.missing.extend((each, _not_followed(child)) for each in self._files_below(child))
                else:
                    yield Entry(self.path(child), Kind.DIRECTORY)
                continue
            entry = next(found)
            if isinstance(entry, Entry):
                yield entry
            else:
                self.missing.append((child, entry))

    def counts(self, relative: str) -> bool:
        """See :class:`SourceView`."""
        return False

    def _asked(self, paths: list[str]) -> Iterator[Entry | StoreError]:
        """What stands at some paths, in their order; several are asked for at a time, because each is a round trip."""
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="datamove-manifest") as pool:
            for start in range(0, len(paths), _AT_A_TIME):
                yield from pool.map(self._ask, paths[start : start + _AT_A_TIME])

    def _ask(self, relative: str) -> Entry | StoreError:
        try:
            entry = self._store.stat(self.path(relative))
        except (NotFound, NotSupported) as error:
            return error
        if entry.kind is Kind.DIRECTORY:
            return NotSupported("the manifest names a directory", path=relative, remedy="Name its files")
        return entry

    def _leads_elsewhere(self, relative: str) -> bool:
        """True for a symlink on the way to a file: what it points to may lie outside the source."""
        if self._store.capabilities.flat or self._store.capabilities.read_only:
            return False
        try:
            return self._store.stat(self.path(relative)).kind is Kind.SPECIAL
        except NotFound:
            return False

    def _files_below(self, relative: str) -> Iterator[str]:
        for name, is_file in sorted(self._tree.get(relative, {}).items()):
            child = f"{relative}/{name}"
            if is_file:
                yield child
            else:
                yield from self._files_below(child)

    def _add(self, path: str, number: int) -> None:
        names = path.split("/")
        for depth, name in enumerate(names):
            is_file = depth == len(names) - 1
            if self._tree.setdefault("/".join(names[:depth]), {}).setdefault(name, is_file) is not is_file:
                raise WrongUse(
                    f"line {number} of the manifest makes {'/'.join(names[: depth + 1])!r} a file and a directory"
                )


def view_source(store: Store, source: Address, manifest: Iterator[str] | None = None) -> SourceView:
    """The view of a source: a file, a directory, a glob, or the files that a manifest names below a directory.

    :raises NotFound: if there is nothing.
    :raises PathConflict: for a file with a trailing slash, and for a name that is both a file and a directory.
    :raises WrongUse: for a glob or a manifest that cannot be read.
    """
    if manifest is not None:
        if is_glob(source.path):
            raise WrongUse(f"{source} is a glob, and there is a manifest", remedy="Name the directory above")
        return ManifestView(store, source_path(source), manifest)
    if is_glob(source.path):
        return GlobView(store, source)
    entry = source_root(store, source)
    return FileView(entry) if entry.kind is Kind.FILE else DirectoryView(store, entry.path)


def source_root(store: Store, source: Address) -> Entry:
    """The entry of a source without globs.

    :raises NotFound: and the others of :func:`view_source`.
    """
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


def _not_followed(path: str) -> NotSupported:
    return NotSupported("a symlink is not followed", path=path, remedy="Name the files where they really are")


def _read_line(line: str, number: int) -> str:
    path: object = line
    if line.startswith('"'):
        try:
            path = json.loads(line)
        except ValueError:
            path = None
    if not isinstance(path, str) or any(segment in ("", ".", "..") for segment in path.split("/")) or "\0" in path:
        raise WrongUse(
            f"line {number} of the manifest is no relative path",
            remedy='Write a path below the source, or a JSON string such as "a\\nb"',
        )
    return path


def is_second(path: str, kind: Kind, files: list[str]) -> bool:
    """True for a directory that is a file as well.

    :param files: the last files that may be: keys come sorted, and between ``a`` and ``a/b`` all begin with ``a``.
    """
    while files and not path.startswith(files[-1]):
        files.pop()
    if kind is Kind.FILE:
        if files and files[-1] == path:
            return True
        files.append(path)
        return False
    return bool(files) and files[-1] == path
