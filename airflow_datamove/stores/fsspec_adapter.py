"""Whatever else fsspec knows: ``ftp://``, ``smb://``, ``github://``, each by its own package.

It is slower and promises less than the stores that are written for their servers: no parts, no checksums, no times that
are kept. A file is written under a temporary name and then renamed, where the file system renames by itself
(:data:`~airflow_datamove.stores.fsspec_options.RENAMING`); all others are sources alone, because fsspec's general way
of renaming is to copy and to delete, and somebody would see half a file.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
    WrongUse,
)
from airflow_datamove.stores.capabilities import Capabilities
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.stores.contract import (
    NO_ATTRIBUTES,
    Attributes,
    Entry,
    Kind,
    Reader,
    Store,
    Writer,
)
from airflow_datamove.stores.fsspec_options import RENAMING, options_of
from airflow_datamove.stores.temporary import is_temporary, temporary_path

_FETCH = 4 * 2**20
_KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY}
# What changes with the content, in the order in which it is believed; each file system calls it otherwise.
_VERSIONS = (
    "ETag",
    "etag",
    "sha",
    "version",
    "mtime",
    "modify",
    "modified",
    "last_modified",
    "LastModified",
    "created",
)
_TIMES = ("mtime", "modify", "modified", "last_modified", "LastModified", "last_write_time", "created")


def open_store(address: Address, connections: Connections) -> Store:
    """The file system of an address.

    :raises WrongUse: if its package is missing, or the connection cannot be used.
    """
    import fsspec

    connection = connections.get(address.connection_id) if address.connection_id else Connection("")
    options, prefix = options_of(address, connection)
    try:
        made = fsspec.get_filesystem_class(address.scheme)
    except (ImportError, ValueError) as error:
        remedy = str(error) if isinstance(error, ImportError) else ""
        raise WrongUse(f"{address.scheme}:// needs a package that is not installed", remedy=remedy) from None
    return _FsspecStore(address.scheme, made, options, prefix)


class _FsspecStore(Store):
    """See :class:`~airflow_datamove.stores.contract.Store`."""

    def __init__(self, scheme: str, kind: Any, options: Mapping[str, Any], prefix: str) -> None:
        self.capabilities = Capabilities(read_only=scheme not in RENAMING, stretch=_FETCH)
        self._scheme, self._kind, self._options, self._prefix = scheme, kind, options, prefix
        # To some the root is "/", to some it is nothing; smb wants the slash all the same.
        self._rooted = kind.root_marker == "/" or scheme in RENAMING
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self._closed = False

    def stat(self, path: str) -> Entry:
        with self._system(path) as system:
            return self._entry(path, system.info(self._name(path)))

    def list(self, path: str) -> Iterator[Entry]:
        with self._system(path) as system:
            if self._entry(path, system.info(self._name(path))).kind is not Kind.DIRECTORY:
                raise NotFound("not a directory", path=path)
            found = []
            for told in system.ls(self._name(path), detail=True):
                name = told["name"].rstrip("/").rpartition("/")[2]
                if name and not is_temporary(name):
                    found.append(self._entry(f"{path.rstrip('/')}/{name}", told))
        yield from sorted(found, key=lambda entry: entry.name)

    def open(self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None) -> Reader:
        entry = self.stat(path)
        if entry.kind is not Kind.FILE:
            raise NotFound("not a file", path=path)
        if version is not None and entry.version != version:
            raise SourceChanged(f"{path} changed")
        end = entry.size if length is None else min(entry.size, offset + length)
        return cast(Reader, _Reader(self, path, offset, end, version))

    def create(self, path: str, *, size: int, attributes: Attributes = NO_ATTRIBUTES) -> Writer:
        self._refuse_writing(path)
        return _Writer(self, path, size)

    def make_directory(self, path: str) -> None:
        self._refuse_writing(path)
        with self._system(path) as system:
            self._make_directory(system, path)

    def delete(self, path: str) -> None:
        self._refuse_writing(path)
        with suppress(NotFound), self._system(path) as system:
            name = self._name(path)
            if self._entry(path, system.info(name)).kind is not Kind.DIRECTORY:
                system.rm_file(name)
                return
            names = [told["name"].rstrip("/") for told in system.ls(name, detail=True)]
            if not all(is_temporary(each.rpartition("/")[2]) for each in names):
                raise StoreError("the directory is not empty", path=path)
            for each in names:
                system.rm_file(each)
            system.rmdir(name)

    def interrupt(self) -> None:
        self._closed = True

    def close(self) -> None:
        self._closed = True
        self._idle.clear()

    def fetch(self, path: str, start: int, end: int) -> bytes:
        """The bytes of a range."""
        with self._system(path) as system:
            return bytes(system.cat_file(self._name(path), start=start, end=end))

    @contextmanager
    def _system(self, path: str) -> Iterator[Any]:
        """A file system for the caller alone: not all of them may be used by several threads."""
        with _errors(path):
            if self._closed:
                raise StoreUnavailable(f"{self._scheme}:// was given up", path=path)
            with self._lock:
                system = self._idle.pop() if self._idle else None
            if system is None:
                system = self._make()
            # What others write must be seen.
            system.invalidate_cache()
            try:
                yield system
            except (DatamoveError, FileNotFoundError):
                self._idle.append(system)
                raise
            self._idle.append(system)

    def _make_directory(self, system: Any, path: str) -> None:
        if path in ("", "/"):
            return
        with suppress(FileNotFoundError):
            if self._entry(path, system.info(self._name(path))).kind is not Kind.DIRECTORY:
                raise AlreadyExists("a file stands there", path=path)
            return
        self._make_directory(system, path.rpartition("/")[0])
        with suppress(FileExistsError):
            system.mkdir(self._name(path), create_parents=False)

    def _refuse_writing(self, path: str) -> None:
        if self.capabilities.read_only:
            raise NotSupported(f"{self._scheme}:// is a source alone", path=path)

    def _name(self, path: str) -> str:
        name = f"{self._prefix}{path}"
        return name if self._rooted else name.lstrip("/")

    def _make(self) -> Any:
        return self._kind(**self._options, skip_instance_cache=True)

    def _entry(self, path: str, told: Any) -> Entry:
        kind = _KINDS.get(told.get("type", "other"), Kind.SPECIAL)
        modified = next((_seconds(told[name]) for name in _TIMES if told.get(name) is not None), None)
        if kind is not Kind.FILE:
            return Entry(path, kind, modified=modified)
        size = int(told.get("size") or 0)
        version = next((f"{told[name]}-{size}" for name in _VERSIONS if told.get(name) is not None), None)
        return Entry(path, kind, size, modified, version=version)


class _Reader(io.RawIOBase):
    def __init__(self, store: _FsspecStore, path: str, offset: int, end: int, version: str | None) -> None:
        self._store, self._path, self._at, self._end, self._version = store, path, offset, end, version
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest and self._at < self._end:
            stop = min(self._end, self._at + _FETCH)
            data = self._store.fetch(self._path, self._at, stop)
            if len(data) != stop - self._at:
                raise SourceChanged(f"{self._path} changed while it was read")
            self._at = stop
            self._rest = memoryview(data)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        if count == 0 and len(buffer) and self._version not in (None, self._store.stat(self._path).version):
            raise SourceChanged(f"{self._path} changed while it was read")
        return count


class _Writer(Writer):
    """A file under a temporary name, written by a file system of its own."""

    def __init__(self, store: _FsspecStore, path: str, size: int) -> None:
        self._store, self._path, self._size = store, path, size
        self._temporary = temporary_path(path)
        self._written = 0
        self._over = False
        with store._system(path) as system:
            store._make_directory(system, path.rpartition("/")[0])
        with _errors(path):
            self._system = store._make()
            self._file = self._system.open(store._name(self._temporary), "wb")

    def write(self, data: bytes | memoryview) -> None:
        with _errors(self._path):
            if self._store._closed:
                raise StoreUnavailable("it was given up", path=self._path)
            self._file.write(bytes(data))
        self._written += len(data)

    def commit(self) -> Entry:
        store, path = self._store, self._path
        if self._written != self._size:
            raise VerificationFailed(f"{path}: {self._written} bytes came where {self._size} were announced")
        with _errors(path):
            self._file.close()
            self._system.invalidate_cache()
            found = int(self._system.info(store._name(self._temporary)).get("size") or 0)
            if found != self._size:
                raise VerificationFailed(f"{path}: {found} bytes arrived where {self._size} were announced")
            self._publish()
        self._over = True
        return store.stat(path)

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with suppress(Exception):
            self._file.close()
        with suppress(NotFound), _errors(self._path):
            self._system.rm_file(self._store._name(self._temporary))

    def _publish(self) -> None:
        store = self._store
        temporary, name = store._name(self._temporary), store._name(self._path)
        with suppress(FileNotFoundError):
            if self._system.info(name).get("type") == "directory":
                raise AlreadyExists("a directory stands there", path=self._path)
        if store._scheme == "memory":
            # Its mv takes names for globs.
            self._system.cp_file(temporary, name)
            self._system.rm_file(temporary)
            return
        try:
            self._system.mv(temporary, name)
        except FileExistsError:
            # This one does not rename over a file. For a moment there is none, and if all ends just then it is lost.
            self._system.rm_file(name)
            self._system.mv(temporary, name)


@contextmanager
def _errors(path: str) -> Iterator[None]:
    """Turns what fsspec and what is behind it raise into our errors, without their texts: they may quote logins."""
    try:
        yield
    except DatamoveError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotFound("there is nothing here", path=path) from None
    except PermissionError:
        raise PermissionDenied("the server does not allow it", path=path) from None
    except NotImplementedError:
        raise NotSupported("this kind of store cannot do that", path=path) from None
    except ValueError:  # no Unicode; to ftplib, a line break
        raise NotSupported("a name that this store cannot hold", path=repr(path)) from None
    except Exception as error:
        raise _other(error, path) from None


def _other(error: Exception, path: str) -> StoreError:
    import ftplib

    if isinstance(error, ftplib.error_perm):
        # https://www.rfc-editor.org/rfc/rfc959: 530 not logged in, 550 not found or no access, 553 no such name
        code = str(error)[:3]
        if code == "530":
            return PermissionDenied("the server does not let this connection in", path=path)
        if code in ("501", "553"):
            return NotSupported("a name that this server cannot hold", path=repr(path))
        return StoreError(f"the server refuses ({code})", path=path)
    if isinstance(error, (OSError, EOFError, ftplib.Error)):
        return StoreUnavailable(f"the server is away ({type(error).__name__})", path=path)
    return StoreError(f"it failed ({type(error).__name__})", path=path)


def _seconds(value: Any) -> float | None:
    """A time, in whichever of its forms."""
    try:
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str) and value[:14].isdecimal():  # RFC 3659, 2.3
            return datetime.strptime(value[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return None
