"""Data for the quickstart: put into HDFS, and compared byte by byte with what arrived."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store

MIB = 2**20
SMALL: Mapping[str, int] = {
    "prices/2026/january.csv": 900_000,
    "prices/2026/february.csv": 1_100_000,
    "prices/Übersicht (neu) 100%.txt": 4_321,
    "prices/.hidden": 17,
    "prices/empty.flag": 0,
    **{f"images/{number:03}.jpg": 150_000 + number for number in range(180)},
}
LARGE: Mapping[str, int] = {
    "part-00000.parquet": 60 * MIB + 7,
    "part-00001.parquet": 48 * MIB,
    "part-00002.parquet": 36 * MIB + 1,
    "day=1/part-00003.parquet": 27 * MIB,
    "day=1/part-00004.parquet": 15 * MIB + 3,
    "day=2/with space.parquet": 6 * MIB,
    "_SUCCESS": 0,
}
_THREADS = 4


def put_hello(connections: Connections) -> None:
    """Puts a few files to where the request that `make up` prints finds them."""
    put(Address.parse("hdfs://onprem@/data/acme/hello/"), {"hello.txt": 14, "more/numbers.csv": 300_000}, connections)


def put(address: Address, files: Mapping[str, int], connections: Connections) -> None:
    """Writes files of the given sizes (bytes) below a directory, and one empty directory."""
    with open_store(address, connections) as store, ThreadPoolExecutor(_THREADS) as threads:

        def write(relative: str) -> None:
            size = files[relative]
            with store.create(f"{address.path}{relative}", size=size) as writer:
                for chunk in content(relative, size):
                    writer.write(chunk)
                writer.commit()

        store.make_directory(f"{address.path}nothing in here")
        list(threads.map(write, files))


def content(relative: str, size: int) -> Iterator[bytes]:
    """The bytes of a file: they follow from its name, so nobody has to keep them."""
    source = random.Random(relative)
    while size > 0:
        yield source.randbytes(min(MIB, size))
        size -= MIB


def differences(address: Address, files: Mapping[str, int], connections: Connections) -> list[str]:
    """Reads every byte at a destination, and says what is not as it was put in; empty: all is well."""
    found = []
    with open_store(address, connections) as store:
        root = address.path.rstrip("/")
        there = {entry.path.removeprefix(f"{root}/"): entry for entry in store.walk(root)}
        names = {name for name, entry in there.items() if entry.kind is Kind.FILE}
        found += [f"{address}{name} is missing" for name in sorted(files.keys() - names)]
        found += [f"{address}{name} was never put in" for name in sorted(names - files.keys())]
        if "nothing in here" not in there:
            found.append(f"{address}nothing in here/ is missing")
        both = sorted(files.keys() & names)
        with ThreadPoolExecutor(_THREADS) as threads:
            same = threads.map(lambda name: _same(store, f"{root}/{name}", content(name, files[name])), both)
            found += [f"{address}{name} differs" for name, fine in zip(both, same, strict=True) if not fine]
    return found


def remove(address: Address, connections: Connections) -> None:
    """Deletes a directory and all below it; harmless if it is not there."""
    with open_store(address, connections) as store:
        root = address.path.rstrip("/")
        if not store.exists(root):
            return
        entries = sorted(store.walk(root), key=lambda each: each.path.count("/"), reverse=True)
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(store.delete, [each.path for each in entries if each.kind is Kind.FILE]))
        for entry in entries:
            if entry.kind is not Kind.FILE:
                store.delete(entry.path)
        store.delete(root)


def _same(store: Store, path: str, chunks: Iterator[bytes]) -> bool:
    with store.open(path) as stream:
        return all(_read(stream.read, len(chunk)) == chunk for chunk in chunks) and not stream.read(1)


def _read(read: Callable[[int], bytes], count: int) -> bytes:
    parts = []
    while count > 0 and (part := read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
