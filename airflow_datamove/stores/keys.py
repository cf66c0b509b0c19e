"""A tree of directories, seen in the flat keys of a bucket or a container."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress

from airflow_datamove.errors import NotFound, NotSupported, PermissionDenied, WrongUse
from airflow_datamove.stores.buffered import BufferedWriter
from airflow_datamove.stores.contract import NO_ATTRIBUTES, Attributes, Entry, Kind, Store, Writer
from airflow_datamove.stores.temporary import is_temporary


class FlatStore(Store):
    """A store of keys. Every path that is asked after becomes a key here, or is refused before the store is asked."""

    def walk(self, path: str) -> Iterator[Entry]:
        """See :class:`~airflow_datamove.stores.contract.Store`: one flat listing, not one call for each directory."""
        yield from tree(path, self._walked(path))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        """See :class:`~airflow_datamove.stores.contract.Store`: parts, or one piece."""
        self._refuse_impossible(path)
        rules = self.capabilities.parts
        assert rules is not None
        part_size = max(rules.size, -(-size // rules.most))
        return BufferedWriter(self, path, size, attributes, part_size=part_size, least=rules.least)

    def can_hold(self, path: str) -> bool:
        """See :class:`~airflow_datamove.stores.contract.Store`."""
        try:
            self._refuse_impossible(path)
        except NotSupported:
            return False
        return True

    def create_root(self) -> None:
        """See :class:`~airflow_datamove.stores.contract.Store`. Who may write into what is there need not be allowed to
        make it, nor even to look whether it is there: then what is written tells."""
        try:
            self.stat("/")
        except NotFound:
            self._make_root()
        except PermissionDenied:
            with suppress(PermissionDenied, WrongUse):
                self._make_root()

    @abstractmethod
    def _make_root(self) -> None:
        """Makes the bucket or container; harmless if somebody else does meanwhile."""

    @abstractmethod
    def _refuse_impossible(self, path: str) -> None:
        """Refuses a name that the store cannot hold or would take for another, which could be somebody else's.

        :raises NotSupported: see :func:`impossible`.
        """

    @abstractmethod
    def _below(self, prefix: str) -> Iterator[Entry]:
        """All keys with a prefix, each as a file at ``/<key>``, markers of directories too."""

    def _key(self, path: str) -> str:
        """The key of a path: ``/a/b`` is ``a/b``, and ``/`` is ``""``."""
        self._refuse_impossible(path)
        return path.removeprefix("/")

    def _prefix(self, path: str) -> str:
        """What the keys below a directory begin with; ``""`` for the root."""
        key = self._key(path)
        return f"{key}/" if key else ""

    def _require_directory(self, path: str) -> None:
        if self.stat(path).kind is Kind.FILE and not self.is_both(path):
            raise NotFound("not a directory", path=path)

    def _walked(self, path: str) -> Iterator[Entry]:
        prefix, empty = self._prefix(path), True
        for entry in self._below(prefix):
            empty = False
            if not entry.path.endswith("/"):
                yield entry
            elif entry.path != f"/{prefix}":
                yield Entry(entry.path[:-1], Kind.DIRECTORY)
        if empty:
            self._require_directory(path)


def impossible(path: str, where: str) -> NotSupported:
    """The error for a name that a store cannot hold."""
    return NotSupported(f"a name that {where} cannot hold", path=repr(path), remedy="Rename it")


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
