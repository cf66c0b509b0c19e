"""Making and reading trees in any store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Kind, Store

DIRECTORY = None

ODD: Mapping[str, bytes | None] = {
    "a": b"a" * 1000,
    "sp ace x%20y": b"1",
    "[x] {a,b}": b"22",
    "q?q s*s": b"333",
    "back\\slash": b"4444",
    "#h": b"5",
    "-update": b"6",
    "Ünï 文": b"7",
    " lead": b"8",
    "trail ": b"9",
    "_SUCCESS": b"",
    ".hidden": b"10",
    "new\nline": b"11",
    "quo'te\"+p,&=a": b"12",
    "semi;colon": b"14",
    "sub [é] */Ünï */deep": b"13",
    "sub [é] */empty": DIRECTORY,
    "empty directory": DIRECTORY,
}


@dataclass(frozen=True)
class Place:
    """A folder of a store."""

    store: Store
    address: Address

    def at(self, relative: str) -> Address:
        """The address of something in it, as a destination (no escapes)."""
        return self.address.with_path(self.path(relative))

    def path(self, relative: str) -> str:
        return f"{self.address.path.rstrip('/')}/{relative}"

    def write(self, relative: str, data: bytes | None) -> None:
        if data is DIRECTORY:
            self.store.make_directory(self.path(relative))
            return
        with self.store.create(self.path(relative), size=len(data)) as writer:
            writer.write(data)
            writer.commit()

    def fill(self, folder: str, tree: Mapping[str, bytes | None]) -> None:
        for relative, data in tree.items():
            self.write(f"{folder}/{relative}", data)

    def read(self, folder: str) -> dict[str, bytes | None]:
        """Files with their bytes, and the directories that hold nothing."""
        top = self.path(folder).rstrip("/")
        entries = list(self.store.walk(top))
        parents = {entry.path.rpartition("/")[0] for entry in entries}
        return {
            entry.path[len(top) + 1 :]: self.content(entry.path[len(self.address.path.rstrip("/")) + 1 :])
            if entry.kind is Kind.FILE
            else DIRECTORY
            for entry in entries
            if entry.kind is Kind.FILE or entry.path not in parents
        }

    def content(self, relative: str) -> bytes:
        with self.store.open(self.path(relative)) as stream:
            return stream.read()
