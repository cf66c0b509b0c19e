"""Downloads, kept for all checkouts and all stacks of one user; a second start needs no network."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.servers.record import locked


def cached(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder `name` of the cache, made by `fetch(folder)` when it is not there.

    It is filled under another name and renamed, so a folder that exists is complete.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airflow-datamove"
    place = root / name
    if place.is_dir():
        return place
    with locked(root / f".{name}.lock"):
        if not place.is_dir():
            temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))
            try:
                fetch(temporary)
                temporary.chmod(0o755)
                temporary.rename(place)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return place
