"""``file://``: the disks of the machine that runs this.

Symlinks and special files are never followed: at the end of a path they are ``SPECIAL``. The directories above an
address are the administrator's, and may be links.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat as modes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import cast

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
)
from airflow_datamove.stores.capabilities import Capabilities, PartRules
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Kind,
    Pace,
    Put,
    Reader,
    Store,
    Upload,
    Writer,
    no_pace,
)
from airflow_datamove.stores.temporary import is_temporary, named_path, temporary_path

_TYPE = 0o170000  # stat.S_IFMT's mask
_FILE = Kind.FILE
_NO_CHECKSUMS: Mapping[str, str] = {}
_new = tuple.__new__
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_LOOK = "Look at its owner and mode"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def open_store(address: Address, connections: Connections) -> Store:
    """The local disk; it needs no connection."""
    return _LocalStore()


class _LocalStore(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    # Memory that a process has not had before costs more than more parts do.
    capabilities = Capabilities(parts=PartRules(least=16 * 2**20, size=2 * 2**20), remote=False, forks=True)

    def stat(self, path: str) -> Entry:
        with errors(path):
            return entry_of(path, os.lstat(path))

    def list(self, path: str) -> Iterator[Entry]:
        with errors(path):
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with errors(path), os.scandir(directory) as found:
                names = sorted(entry.name for entry in found if entry.name[0] != "." or not is_temporary(entry.name))
            top = f"{path.rstrip('/')}/"
            for name in names:
                try:
                    found_now = os.stat(name, dir_fd=directory, follow_symlinks=False)
                except FileNotFoundError:  # deleted meanwhile
                    continue
                except OSError as error:
                    raise _translated(error, top + name) from error
                yield entry_of(top + name, found_now)
        finally:
            os.close(directory)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        try:
            # O_NONBLOCK: a named pipe must not hang the opening.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise _any_translated(error, path) from error
        found = entry_of(path, os.fstat(handle))
        if found.kind is not Kind.FILE or (version is not None and found.version != version):
            os.close(handle)
            if found.kind is not Kind.FILE:
                raise NotFound("not a file", path=path)
            raise SourceChanged(f"{path} changed")
        if offset:
            os.lseek(handle, offset, os.SEEK_SET)
        return cast(Reader, _Reader(handle, path, length, version))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        return _Writer(path, size, attributes.modified)

    def put(self, path: str, data: memoryview, attributes: Attributes = NO_ATTRIBUTES, pace: Pace = no_pace) -> Put:
        pace(len(data))
        writer = _Writer(path, len(data), attributes.modified)
        try:
            writer.write(data)
            return Put(writer.commit(), writer.verified_by)
        finally:
            writer.abort()

    def upload(
        self, path: str, *, size: int, part_size: int, identity: str, attributes: Attributes = NO_ATTRIBUTES
    ) -> Upload:
        from airflow_datamove.stores.local_upload import PartFile

        return PartFile(path, size, part_size, identity, attributes.modified)

    def make_directory(self, path: str) -> None:
        with errors(path):
            try:
                os.makedirs(path, exist_ok=True)
            except FileExistsError:
                raise AlreadyExists("a file stands there", path=path) from None

    def leftovers(self, path: str) -> Iterator[Entry]:
        unread: list[OSError] = []
        for top, directories, names in os.walk(path, onerror=unread.append):
            directories.sort()
            for name in sorted(names):
                if is_temporary(name):
                    with suppress(NotFound), errors(f"{top}/{name}"):
                        yield entry_of(f"{top}/{name}", os.lstat(f"{top}/{name}"))
        for error in unread:
            with suppress(NotFound):  # removed meanwhile
                raise _translated(error, error.filename)

    def delete(self, path: str) -> None:
        with suppress(NotFound):
            with errors(path):
                if not modes.S_ISDIR(os.lstat(path).st_mode):
                    os.unlink(path)
                    return
            with errors(path):
                # What killed tries left behind is no content, and goes with its directory.
                names = os.listdir(path)
                if all(is_temporary(name) for name in names):
                    for name in names:
                        with suppress(FileNotFoundError):
                            os.unlink(f"{path}/{name}")
                os.rmdir(path)


class _Reader(io.RawIOBase):
    def __init__(self, handle: int, path: str, length: int | None, version: str | None) -> None:
        self._handle, self._path, self._left, self._version = handle, path, length, version

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left is not None:
            buffer = memoryview(buffer)[: self._left]
        try:
            count = os.readv(self._handle, [buffer])
        except OSError as error:
            raise _translated(error, self._path) from error
        if self._left is not None:
            self._left -= count
        if count == 0 and self._version not in (None, entry_of(self._path, os.fstat(self._handle)).version):
            raise SourceChanged(f"{self._path} changed while it was read")
        return count

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        super().close()


class _Writer(Writer):
    def __init__(self, path: str, size: int, modified: float | None) -> None:
        self._path, self._size, self._modified = path, size, modified
        # A name that follows from the path: what a killed try has left behind, the next one writes anew.
        self._temporary = named_path(path, blake2b(os.fsencode(path), digest_size=16).hexdigest(), "part")
        self._handle = claim(path, self._temporary)
        if self._handle < 0:
            self._temporary = temporary_path(path)
            self._handle = open_new(path, self._temporary, os.O_WRONLY | os.O_EXCL)
        with errors(path):
            if os.fstat(self._handle).st_size:
                os.ftruncate(self._handle, 0)
        self._written = 0
        self._published = False

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._handle, view)
            except OSError as error:
                raise _translated(error, self._path) from error
            self._written += count
            view = view[count:]

    def commit(self) -> Entry:
        if self._written != self._size:
            raise VerificationFailed(f"{self._path}: {self._written} bytes arrived where {self._size} were announced")
        with errors(self._path):
            entry = publish(self._handle, self._temporary, self._path, self._modified)
        self._published = True
        if entry.size != self._size:
            raise VerificationFailed(f"{self._path}: {entry.size} bytes arrived where {self._size} were announced")
        return entry

    def abort(self) -> None:
        if self._handle < 0:
            return
        os.close(self._handle)
        self._handle = -1
        if not self._published:
            with suppress(OSError):
                os.unlink(self._temporary)


def open_new(path: str, temporary: str, flags: int) -> int:
    """Opens a temporary file beside ``path``, whose directory comes into being."""
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with errors(path):
        try:
            return os.open(temporary, flags, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(temporary, flags, 0o666)


def claim(path: str, temporary: str) -> int:
    """Opens a temporary file beside ``path`` under a lock that ends with the process.

    :return: a handle; -1 if another try holds it, or the disk has no locks.
    """
    try:
        handle = open_new(path, temporary, os.O_RDWR)
    except PermissionDenied:  # another user's; or else nothing can be made here, which the next attempt will tell
        return -1
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the opening and the lock the other one may have published or removed what was opened.
        if os.stat(temporary).st_ino == os.fstat(handle).st_ino:
            return handle
    except BlockingIOError:
        pass
    except OSError as error:
        if error.errno not in _NOT_THERE:
            with suppress(OSError):
                os.unlink(temporary)
    os.close(handle)
    return -1


def publish(handle: int, temporary: str, path: str, modified: float | None) -> Entry:
    """Gives a whole file its name, in one act.

    Nothing is flushed to the disk: that would cost more than the copy. A power cut soon after may take the file back
    or leave it empty, of another size than its source.
    """
    if modified is not None:
        os.utime(handle, (modified, modified))
    written = os.fstat(handle)
    try:
        os.replace(temporary, path)
    except (IsADirectoryError, NotADirectoryError):
        raise AlreadyExists("a directory stands there", path=path) from None
    return entry_of(path, written)


def entry_of(path: str, found: os.stat_result) -> Entry:
    """What the system says of a path, as an entry."""
    if found.st_mode & _TYPE == modes.S_IFREG:
        version = f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
        # Entry(...) by its shortest way: a listing of a million files makes a million of them.
        return _new(Entry, (path, _FILE, found.st_size, found.st_mtime, _NO_CHECKSUMS, version, None, None))
    kind = Kind.DIRECTORY if modes.S_ISDIR(found.st_mode) else Kind.SPECIAL
    return Entry(path, kind, modified=found.st_mtime)


@contextmanager
def errors(path: str) -> Iterator[None]:
    """Turns the system's errors into ours."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise _any_translated(error, path) from error


def _any_translated(error: OSError | ValueError, path: str) -> StoreError:
    if isinstance(error, OSError):
        return _translated(error, path)
    return NotSupported("a name that this system cannot hold", path=path)


def _translated(error: OSError, path: str) -> StoreError:
    kinds: list[tuple[tuple[int, ...], Callable[[], StoreError]]] = [
        (_NOT_THERE, lambda: NotFound("there is nothing here", path=path)),
        (_DENIED, lambda: PermissionDenied("the system does not allow it", path=path, remedy=_LOOK)),
        (_FULL, lambda: StoreError("the disk is full", path=path, remedy="Make room, then try again")),
        ((errno.ENAMETOOLONG,), lambda: NotSupported("the name is too long for this disk", path=path)),
        ((errno.ENOTEMPTY, errno.EEXIST), lambda: StoreError("the directory is not empty", path=path)),
        ((errno.EIO, errno.ESTALE, errno.ETIMEDOUT), lambda: StoreUnavailable(str(error.strerror), path=path)),
    ]
    for numbers, make in kinds:
        if error.errno in numbers:
            return make()
    return StoreError(error.strerror or type(error).__name__, path=path)
