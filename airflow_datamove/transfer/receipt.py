"""The receipt of a copy: a Parquet file with a row for each file, whatever came of it."""

from __future__ import annotations

import tempfile
import threading
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, PathConflict, PermissionDenied, Refused
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.naming import naming
from airflow_datamove.transfer.path_rule import same_store, source_path

_ROWS = 20_000
_STEP = 2**20


class Line(NamedTuple):
    """One file."""

    path: str
    """Relative to the source."""
    bytes: int
    checksum: str
    """``crc32c:<8 hex digits>`` of what passed, else what the source says of itself; empty where nobody says."""
    verified_by: str
    route: str
    seconds: float
    attempts: int
    outcome: str
    """``copied``, ``skipped``, ``failed``, ``deleted``; ``staged`` and not published; ``not_begun``."""
    error: str = ""


class Receipt:
    """Takes lines from several threads, and writes them in a file of this process's own, then to the address.

    :param address: of a file.
    """

    def __init__(self, address: Address, connections: Connections) -> None:
        self._address, self._connections = address, connections
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="datamove-")  # noqa: SIM115
        self._writer: Any = None

    def add(self, line: Line) -> None:
        """Adds a row."""
        with self._lock:
            self._lines.append(line)
            if len(self._lines) >= _ROWS:
                self._put_away()

    def write(self) -> None:
        """Writes what was added to the address, in one act.

        :raises DatamoveError: if that cannot be done.
        """
        with self._lock:
            self._put_away()
            self._writer.close()
            size = self._file.seek(0, 2)
            self._file.seek(0)
        with (
            open_store(self._address, self._connections) as store,
            store.create(self._address.path, size=size) as writer,
        ):
            while piece := self._file.read(_STEP):
                writer.write(piece)
            writer.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def _put_away(self) -> None:
        import pyarrow
        from pyarrow import parquet

        schema = pyarrow.schema(
            [
                pyarrow.field("path", pyarrow.string(), nullable=False),
                pyarrow.field("bytes", pyarrow.int64(), nullable=False),
                pyarrow.field("checksum", pyarrow.string(), nullable=False),
                pyarrow.field("verified_by", pyarrow.string(), nullable=False),
                pyarrow.field("route", pyarrow.string(), nullable=False),
                pyarrow.field("seconds", pyarrow.float64(), nullable=False),
                pyarrow.field("attempts", pyarrow.int32(), nullable=False),
                pyarrow.field("outcome", pyarrow.string(), nullable=False),
                pyarrow.field("error", pyarrow.string(), nullable=False),
            ]
        )
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._file, schema, compression="zstd")
        lines, self._lines = self._lines, []
        columns = list(zip(*lines, strict=True)) or [()] * len(schema)
        for index in (0, len(columns) - 1):  # a name may be no text, and an error may tell it
            columns[index] = tuple(text.encode(errors="backslashreplace").decode() for text in columns[index])
        arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def check_receipt(receipt: Address, source: Address, destination: Address, connections: Connections) -> None:
    """Makes sure, before anything is copied, that a receipt has a place of its own, and that its store answers. Whether
    it may be written there shows only when it is.

    :raises Refused: if it would lie among what is copied.
    :raises PathConflict: if what stands there is no file: a receipt replaces it, and nobody means to replace a device.
    :raises DatamoveError: if its store cannot be asked.
    """
    if receipt.is_directory:
        raise Refused(f"{receipt} is a directory", remedy="Name a file for the receipt")
    for what, end, path in (
        ("source", source, source_path(source)),
        ("destination", destination, destination.path.rstrip("/")),
    ):
        if same_store(receipt, end) and f"{receipt.path}/".startswith(f"{path.rstrip('/')}/"):
            raise Refused(f"the receipt {receipt} would lie in the {what} {end}", remedy="Name a file outside of both")
    with open_store(receipt, connections) as store, naming(receipt):
        try:
            kind = store.stat(receipt.path).kind
        except NotFound:
            if store.capabilities.flat and not same_store(receipt, destination):
                _require_root(store)
            return
        # Where names are keys, a directory's name is free for a file.
        if kind is Kind.SPECIAL or (kind is Kind.DIRECTORY and not store.capabilities.flat):
            what = "a directory" if kind is Kind.DIRECTORY else "a symlink or a special file"
            raise PathConflict(
                f"the receipt {receipt} is {what} where a file must be", remedy="Name another file for the receipt"
            )


def _require_root(store: Store) -> None:
    """Makes sure that there is a container or bucket, as far as this connection may see it."""
    try:
        store.stat("/")
    except NotFound as error:
        error.remedy = error.remedy or "Make it first"
        raise
    except PermissionDenied:
        return
