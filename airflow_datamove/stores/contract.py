"""What a store must be able to do, and what it may be able to do.

A path inside a store begins with ``/`` and has no trailing slash, except the root, ``/``. In a bucket or container
``/a/b`` is the key ``a/b``. Implementers write the abstract methods; callers may also use the convenient ones.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Self

from airflow_datamove.errors import NotFound


class Kind(enum.StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SPECIAL = "special"
    """A symlink, a socket, a device: counted, never followed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store says of one path."""

    path: str
    kind: Kind
    size: int = 0
    """Bytes; 0 for anything but a file."""
    modified: float | None = None
    """Seconds since the epoch, where the store knows."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Algorithm (``md5``, ``crc32c``: lower-case hex of the whole content) to value, where the store knows."""
    version: str | None = None
    """What changes when the content changes (ETag, generation), where the store knows."""

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond the contract, and how far."""

    checksum: str | None = None
    """The algorithm that the store itself computes of what it received (``crc32c`` for gs), or that it keeps beside
    the content (``md5`` for abfs); ``None``: it can only be compared by length."""
    measure: bool = False
    """``measure`` costs one call, whatever the size of the tree (HDFS GETCONTENTSUMMARY)."""
    flat: bool = False
    """Names are keys: a path may be a file and the prefix of others at once, and directories need no making."""
    copy_within: bool = False
    """The store can copy from one of its own paths to another without the bytes passing through here."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much a path holds."""

    files: int
    directories: int
    bytes: int


class Writer(AbstractContextManager["Writer"], ABC):
    """A file being written. Nothing is visible under its name before :meth:`commit`, and then all of it is.

    Leaving the ``with`` block without a commit aborts.
    """

    verified_by: str = "length"
    """By what :meth:`commit` made sure that what the store holds is what was written."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Adds bytes to the end."""

    @abstractmethod
    def commit(self) -> Entry:
        """Verifies what arrived (length always; a checksum where the store has one), publishes it in one act,
        replacing what was there, and says what now stands at the path.

        :raises VerificationFailed: if what arrived is not what was written; nothing is published then.
        """

    @abstractmethod
    def abort(self) -> None:
        """Leaves nothing behind. Harmless after a commit and when repeated."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.abort()


class Store(ABC):
    """One store, as one connection sees it: a local disk, an HDFS, a container, a bucket.

    Safe to use from several threads. Every failure is one of :mod:`airflow_datamove.errors`; none carries a secret.
    """

    capabilities: Capabilities = Capabilities()

    @abstractmethod
    def stat(self, path: str) -> Entry:
        """What stands at ``path``. A path that is both a file and a prefix of others is a file (see ``is_both``).

        :raises NotFound: if nothing does. The root of a bucket that exists is a directory.
        :raises NotSupported: here and in every other method, if the store would take the name for another one.
        """

    @abstractmethod
    def list(self, path: str) -> Iterator[Entry]:
        """The children of a directory, sorted by name in code point order.

        :raises NotFound: if there is no such directory.
        """

    @abstractmethod
    def open(
        self,
        path: str,
        *,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        ahead: Callable[[], int] | None = None,
    ) -> BinaryIO:
        """A stream of bytes from ``offset``, ``length`` of them or up to the end; the caller closes it.

        ``read(n)`` may give fewer than ``n`` bytes, and ``b""`` only at the end; a connection that is cut is an error,
        never an end.

        :param version: fail with SourceChanged, at the latest where the end would be, if the content is no longer of
            this version.
        :param ahead: how many bytes may be fetched at a time by a store that fetches before it is read from, asked
            anew each time: for a reader that is slower than the store. Where the bytes are streamed it says nothing.
        :raises NotFound: if there is no such file.
        """

    @abstractmethod
    def create(self, path: str, *, size: int, modified: float | None = None) -> Writer:
        """Begins a file; parent directories come into being when it is committed, at the latest.

        :param size: how many bytes will be written.
        :param modified: seconds since the epoch, kept where the store can.
        """

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Makes a directory and its parents; harmless if it exists.

        :raises AlreadyExists: if a file stands there.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Deletes a file or an *empty* directory; harmless if nothing is there."""

    def walk(self, path: str) -> Iterator[Entry]:
        """Everything below a directory, the directory itself left out; parents before children, no other order.

        :raises NotFound: if there is no such directory.
        """
        pending = [path]
        while pending:
            for entry in self.list(pending.pop()):
                yield entry
                if entry.kind is Kind.DIRECTORY:
                    pending.append(entry.path)

    def measure(self, path: str) -> Measure:
        """How much a file or a directory holds. Only asked for where ``capabilities.measure`` says that it is cheap."""
        entry = self.stat(path)
        if entry.kind is Kind.FILE:
            return Measure(1, 0, entry.size)
        files = directories = size = 0
        for each in self.walk(path):
            files += each.kind is Kind.FILE
            directories += each.kind is Kind.DIRECTORY
            size += each.size
        return Measure(files, directories, size)

    def exists(self, path: str) -> bool:
        """True if anything stands at ``path``."""
        try:
            self.stat(path)
        except NotFound:
            return False
        return True

    def is_both(self, path: str) -> bool:
        """True if ``path`` is a file and a prefix of others at once, as it may be where names are ``flat``."""
        return False

    def copy_within(self, source: str, destination: str) -> Entry:
        """Copies a file inside the store; only where ``capabilities.copy_within`` says so."""
        raise NotImplementedError

    def close(self) -> None:
        """Gives back connections and threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
