"""Reading a manifest: the file that names the files to copy."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_datamove.address import Address
from airflow_datamove.errors import StoreError, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store

_STEP = 2**18
_LONGEST_LINE = 2**16


def read_manifest(address: Address, connections: Connections) -> Iterator[str]:
    """The lines of a manifest, without their ends and without the mark that some programs begin UTF-8 with.

    :raises StoreError: if it cannot be read.
    :raises WrongUse: if it is empty, is not UTF-8, or has a line that no path can be.
    """
    empty = True
    for number, line in enumerate(_lines(address, connections)):
        text = line if number else line.removeprefix("\ufeff")
        empty = empty and not text
        yield text
    if empty:  # an export that broke off at once must not look like a copy that has succeeded
        raise WrongUse(
            f"the manifest {address} is empty", remedy="Write it again; if nothing is to be copied, write a # into it"
        )


def _lines(address: Address, connections: Connections) -> Iterator[str]:
    try:
        with open_store(address, connections) as store, store.open(address.path) as reader:
            rest = b""
            while piece := reader.read(_STEP):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (_decoded(line, address) for line in lines)
                if len(rest) > _LONGEST_LINE:
                    raise WrongUse(f"the manifest {address} has a line of more than {_LONGEST_LINE} bytes")
            if rest:
                yield _decoded(rest, address)
    except StoreError as error:
        kind = StoreUnavailable if error.retryable else StoreError
        raise kind(f"the manifest cannot be read: {error}", path=str(address)) from error


def _decoded(line: bytes, address: Address) -> str:
    try:
        return line.decode().removesuffix("\r")
    except UnicodeDecodeError:
        raise WrongUse(f"the manifest {address} is not UTF-8", remedy="Write it as UTF-8 text") from None
