"""Downloads, kept for all checkouts and all stacks of one user; a second start needs no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.servers.record import locked
from tests.servers.server import StartFailed


def cached(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder `name` of the cache, made by `fetch(folder)` when it is not there.

    It is filled under another name and renamed, so a folder that exists is complete.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "airflow-datamove"
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


def _home() -> Path:
    # A service's environment may have no HOME, or an empty one.
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def fetch_by(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    """Run the command that downloads into `folder`, or raise StartFailed with the last lines that it printed."""
    if shutil.which(command[0]) is None:
        raise StartFailed(f"{command[0]} is needed once, to download, and is not here: tests/servers/prerequisites.sh")
    outcome = subprocess.run(
        list(command),
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if outcome.returncode != 0:
        lines = outcome.stdout.decode("utf-8", errors="replace").splitlines()[-20:]
        raise StartFailed("\n    ".join([f"{' '.join(command)} ended with {outcome.returncode}:", *lines]))
