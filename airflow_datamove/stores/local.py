"""``file://``: the disks of the machine that runs this.

Symlinks and special files are never followed: at the end of a path they are ``SPECIAL``. The directories above an
address are the administrator's, and may be links.
"""

from __future__ import annotations

import errno
import io
import os
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import NO_ATTRIBUTES, Attributes, Capabilities, Entry, Kind, Reader, Store, Writer
from airflow_datamove.stores.temporary import is_temporary, temporary_path

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def open_store(address: Address, connections: Connections) -> Store:
    """The local disk; it needs no connection."""
    return _LocalStore()


class _LocalStore(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    capabilities = Capabilities()

    def stat(self, path: str) -> Entry:
        with _errors(path):
            return _entry(path, os.lstat(path))

    def list(self, path: str) -> Iterator[Entry]:
        with _errors(path):
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with _errors(path), os.scandir(directory) as found:
                names = sorted(entry.name for entry in found if not is_temporary(entry.name))
            for name in names:
                child = f"{path.rstrip('/')}/{name}"
                try:
                    with _errors(child):
                        entry = _entry(child, os.stat(name, dir_fd=directory, follow_symlinks=False))
                except NotFound:  # deleted meanwhile
                    continue
                yield entry
        finally:
            os.close(directory)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        with _errors(path):
            # O_NONBLOCK: a named pipe must not hang the opening.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            file = io.FileIO(handle, "r")
        found = _entry(path, os.fstat(handle))
        if found.kind is not Kind.FILE or (version is not None and found.version != version):
            file.close()
            if found.kind is not Kind.FILE:
                raise NotFound("not a file", path=path)
            raise SourceChanged(f"{path} changed")
        file.seek(offset)
        return cast(Reader, _Reader(file, path, length, version))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        return _Writer(path, size, attributes.modified)

    def make_directory(self, path: str) -> None:
        with _errors(path):
            try:
                os.makedirs(path, exist_ok=True)
            except FileExistsError:
                raise AlreadyExists("a file stands there", path=path) from None

    def delete(self, path: str) -> None:
        with suppress(NotFound):
            with _errors(path):
                if not modes.S_ISDIR(os.lstat(path).st_mode):
                    os.unlink(path)
                    return
            with _errors(path):
                # What killed tries left behind is no content, and goes with its directory.
                names = os.listdir(path)
                if all(is_temporary(name) for name in names):
                    for name in names:
                        with suppress(FileNotFoundError):
                            os.unlink(f"{path}/{name}")
                os.rmdir(path)


class _Reader(io.RawIOBase):
    def __init__(self, file: io.FileIO, path: str, length: int | None, version: str | None) -> None:
        self._file, self._path, self._left, self._version = file, path, length, version

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left is not None:
            buffer = memoryview(buffer)[: self._left]
        with _errors(self._path):
            count = self._file.readinto(buffer) or 0
        if self._left is not None:
            self._left -= count
        if count == 0 and self._version not in (None, _entry(self._path, os.fstat(self._file.fileno())).version):
            raise SourceChanged(f"{self._path} changed while it was read")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Writer(Writer):
    def __init__(self, path: str, size: int, modified: float | None) -> None:
        self._path, self._size, self._modified = path, size, modified
        self._temporary = temporary_path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _errors(path):
            try:
                self._handle = os.open(self._temporary, flags, 0o666)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._handle = os.open(self._temporary, flags, 0o666)
        self._open = True
        self._published = False

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            with _errors(self._path):
                view = view[os.write(self._handle, view) :]

    def commit(self) -> Entry:
        with _errors(self._path):
            found = os.fstat(self._handle).st_size
            if found != self._size:
                raise VerificationFailed(f"{self._path}: {found} bytes arrived where {self._size} were announced")
            if self._modified is not None:
                os.utime(self._handle, (self._modified, self._modified))
            # Before the rename: otherwise a power cut may leave a whole name with half the bytes.
            os.fdatasync(self._handle)
            written = os.fstat(self._handle)
            self._close()
            try:
                os.replace(self._temporary, self._path)
            except (IsADirectoryError, NotADirectoryError):
                raise AlreadyExists("a directory stands there", path=self._path) from None
            self._published = True
        return _entry(self._path, written)

    def abort(self) -> None:
        self._close()
        if not self._published:
            with suppress(OSError):
                os.unlink(self._temporary)

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._handle)


def _entry(path: str, found: os.stat_result) -> Entry:
    if modes.S_ISREG(found.st_mode):
        version = f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
        return Entry(path, Kind.FILE, found.st_size, found.st_mtime, version=version)
    kind = Kind.DIRECTORY if modes.S_ISDIR(found.st_mode) else Kind.SPECIAL
    return Entry(path, kind, modified=found.st_mtime)


@contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _translated(error, path) from error
    except (UnicodeEncodeError, ValueError) as error:
        raise NotSupported("a name that this system cannot hold", path=path) from error


def _translated(error: OSError, path: str) -> StoreError:
    kinds: list[tuple[tuple[int, ...], Callable[[], StoreError]]] = [
        (_NOT_THERE, lambda: NotFound("there is nothing here", path=path)),
        (_DENIED, lambda: PermissionDenied("the system does not allow it", path=path)),
        (_FULL, lambda: StoreError("the disk is full", path=path, remedy="Make room, then try again")),
        ((errno.ENAMETOOLONG,), lambda: NotSupported("the name is too long for this disk", path=path)),
        ((errno.ENOTEMPTY, errno.EEXIST), lambda: StoreError("the directory is not empty", path=path)),
        ((errno.EIO, errno.ESTALE, errno.ETIMEDOUT), lambda: StoreUnavailable(str(error.strerror), path=path)),
    ]
    for numbers, make in kinds:
        if error.errno in numbers:
            return make()
    return StoreError(error.strerror or type(error).__name__, path=path)
