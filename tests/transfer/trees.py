"""Trees of files on a local disk, as dictionaries: a path to its content, ``None`` for a directory."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_datamove.address import Address
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.glob import escape
from airflow_datamove.transfer.options import CopyOptions

NOTHING = EnvironmentConnections({})
Tree = dict[str, bytes | None]


def make(top: Path, tree: Tree, modified: float | None = None) -> Path:
    """Makes a tree below ``top``."""
    top.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = top / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if modified is not None:
            os.utime(path, (modified, modified))
    return top


def read(top: Path) -> Tree:
    """A whole tree, directories that hold something left out, unfinished files not."""
    if not top.exists():
        return {}
    tree: Tree = {}
    for path in sorted(top.rglob("*")):
        if path.is_symlink():
            continue
        name = str(path.relative_to(top))
        if path.is_file():
            tree[name] = path.read_bytes()
        elif not any(path.iterdir()):
            tree[name] = None
    return tree


def source_of(path: Path | str, tail: str = "") -> Address:
    """A local path as a source; ``tail`` is written behind it as it is, and may be a glob."""
    return Address.parse(f"file://{escape(str(path))}{tail}")


def destination_of(path: Path | str, tail: str = "") -> Address:
    """A local path as a destination."""
    return Address.parse(f"file://{path}{tail}")


def run(source: Address, destination: Address, options: CopyOptions | None = None) -> TransferReport:
    """Copies between local paths."""
    return copy(source, destination, NOTHING, options)
