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
from typing import NamedTuple, Protocol, Self

from airflow_datamove.errors import NotFound
from airflow_datamove.stores.capabilities import Capabilities


class Kind(enum.StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SPECIAL = "special"
    """A symlink, a socket, a device: counted, never followed."""


_NONE: Mapping[str, str] = {}


class Entry(NamedTuple):
    """What a store says of one path. A tuple, because a listing of a million files makes a million of them."""

    path: str
    kind: Kind
    size: int = 0
    """Bytes; 0 for anything but a file."""
    modified: float | None = None
    """Seconds since the epoch, where the store knows."""
    checksums: Mapping[str, str] = _NONE
    """Algorithm (``md5``, ``crc32c``: lower-case hex of the whole content) to value, where the store knows."""
    version: str | None = None
    """What changes when the content changes (ETag, generation), where the store knows."""
    content_type: str | None = None
    """The media type, where the store keeps one (``capabilities.metadata``) and this answer tells it."""
    metadata: Mapping[str, str] | None = None
    """The users' own metadata, without what this package or the store keeps there; ``None`` where this answer does not
    tell it: ``stat`` does, where ``capabilities.metadata``."""

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a file has besides its content; a store keeps of it what it can."""

    modified: float | None = None
    """Seconds since the epoch."""
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """How much a path holds."""

    files: int
    directories: int
    bytes: int


Pace = Callable[[int], None]
"""Called with a number of bytes just before they pass; waits as long as the rate asks for. What it raises must get
through: that is how a copy is cancelled. A negative number: so many have to pass once more, and do not count yet."""


def no_pace(count: int) -> None:
    """As fast as it goes."""


class Reader(Protocol):
    """A stream of bytes, as :mod:`io` has them."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills the beginning of a buffer; how many bytes, 0 only at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer, or all that is left; ``b""`` only at the end."""

    def close(self) -> None:
        """Ends it. Harmless when repeated."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


class Writer(AbstractContextManager["Writer"], ABC):
    """A file being written from its beginning to its end. Nothing is visible under its name before :meth:`commit`, and
    then all of it is.

    Leaving the ``with`` block without a commit aborts.
    """

    verified_by: str = "length"
    """By what :meth:`commit` made sure that what the store holds is what was written."""

    @abstractmethod
    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes to the end. The buffer is the caller's again when this returns."""

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


class Upload(ABC):
    """A file being written in parts, in any order and from several threads. Nothing is visible under its name before
    :meth:`commit`, and then all of it is.

    The parts are kept by the store under names that follow from the identity that ``Store.upload`` is given and from
    their place. So whoever begins an upload of the same identity, later and elsewhere, finds what is there
    (:meth:`held`) and goes on; and two who write one part write the same bytes. Part ``i`` holds the bytes from
    ``i * part_size`` on.
    """

    verified_by: str = "length"
    """By what the store made sure that it holds what was sent; sound once :meth:`commit` has returned."""

    @abstractmethod
    def held(self) -> Mapping[int, str | None]:
        """The parts that are there whole: index to the part's crc32c (8 lower-case hex digits) where it can be known,
        else ``None``. Asked once, before the first part is put."""

    @abstractmethod
    def put(self, index: int, data: memoryview, crc32c: str, pace: Pace = no_pace) -> None:
        """Writes one part, whole, over what may be there of it.

        :param data: all of the part; the caller's again when this returns.
        :param crc32c: of ``data``, 8 lower-case hex digits.
        :param pace: called before each at most 256 KiB that are sent.
        :raises VerificationFailed: if the store says that something else arrived.
        """

    def copy(self, index: int, source: Store, entry: Entry) -> None:
        """Has the store itself copy one part from a file of another store of its kind: where
        ``capabilities.parts_within``, and ``can_copy_from(source)``.

        :raises SourceChanged: if the source is no longer of the entry's version.
        """
        raise NotImplementedError

    @abstractmethod
    def commit(self, crc32c: str | None = None) -> Entry:
        """Publishes the parts as the file, in one act, replacing what was there, and says what now stands at the path.

        If another try of the same identity has published it meanwhile, that is as good.

        :param crc32c: of the whole content, if it is known: compared where the store knows it, and kept with the file
            where the store can.
        :raises VerificationFailed: if what arrived is not what was written; nothing is published then.
        :raises StoreUnavailable: if a part is missing.
        """

    @abstractmethod
    def abort(self) -> None:
        """Removes the parts. Harmless after a commit and when repeated."""

    def close(self) -> None:
        """Lets go of what this process holds (an open file, a lock); the parts stay. Harmless when repeated."""


NO_ATTRIBUTES = Attributes()
_STEP = 2**18


class Put(NamedTuple):
    """What came of writing a whole file."""

    entry: Entry
    """What now stands at the path."""
    verified_by: str
    """By what it was made sure that the store holds what was written."""


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
    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        """A stream of bytes from ``offset``, ``length`` of them or up to the end; the caller closes it.

        ``readinto`` may give fewer bytes than the buffer holds, and 0 only at the end; a connection that is cut is an
        error, never an end. Nothing is fetched ahead of the reader beyond what the system's socket buffers hold.

        :param version: fail with SourceChanged, at the latest where the end would be, if the content is no longer of
            this version.
        :raises NotFound: if there is no such file.
        """

    @abstractmethod
    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        """Begins a file; parent directories come into being when it is committed, at the latest.

        :param size: how many bytes will be written.
        """

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        """Writes a whole file whose content is in memory, in as few calls as the store allows: one, in an object
        store. Verified and published like what :meth:`create` begins.

        :param pace: called before each at most 256 KiB that are sent.
        """
        with self.create(path, size=len(data), attributes=attributes) as writer:
            for start in range(0, len(data), _STEP):
                step = data[start : start + _STEP]
                pace(len(step))
                writer.write(step)
            return Put(writer.commit(), writer.verified_by)

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        """Begins, or goes on with, a file in parts; only where ``capabilities.parts``.

        :param size: bytes of the whole file.
        :param part_size: bytes of each part but the last.
        :param identity: 32 lower-case hex digits that follow from what is copied (the source, its version, its size),
            from ``part_size`` and from ``path``: the same again for who goes on, different for anything else.
        """
        raise NotImplementedError

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

    def checksums(self, entry: Entry) -> Mapping[str, str]:
        """What the store says of a file's content, asked for it alone: see :attr:`Entry.checksums`."""
        return entry.checksums

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

    def can_hold(self, path: str) -> bool:
        """False for a name that is known to be refused, without asking a server."""
        return True

    def can_copy_from(self, source: Store) -> bool:
        """True if this store can copy from files of ``source`` without the bytes passing through here."""
        return False

    def copy_from(self, source: Store, entry: Entry, path: str, attributes: Attributes = NO_ATTRIBUTES) -> Put:
        """Copies a whole file by the store itself; only where :meth:`can_copy_from`.

        :raises SourceChanged: if the source is no longer of the entry's version.
        """
        raise NotImplementedError

    def create_root(self) -> None:
        """Makes the container or bucket of this store; harmless if it exists, and where there is no such thing."""

    def leftovers(self, path: str) -> Iterator[Entry]:
        """What unfinished tries, running or dead, have left below a directory: entries for :meth:`delete_leftover`,
        with the time of their last change."""
        return iter(())

    def delete_leftover(self, entry: Entry) -> None:
        """Removes what :meth:`leftovers` gave; harmless if it is gone."""
        self.delete(entry.path)

    def interrupt(self) -> None:
        """Breaks off what other threads are doing with this store, so that they fail at once: a copy is cancelled."""

    def close(self) -> None:
        """Gives back connections and threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
