"""How long the command line takes to start."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest import alone
from benchmarks.ends import DATAMOVE
from benchmarks.measure import Row, run_measured
from tests.servers.stack import clean_environment


def rows(state: Path) -> list[Row]:
    """Eleven starts of each."""
    file = state / "one-file"
    file.write_bytes(b"1")
    found = []
    for work, argv in (
        ("datamove --help", ["--help"]),
        ("datamove plan on a local file", ["plan", str(file), str(state / "nowhere")]),
    ):
        walls = [run_measured([str(DATAMOVE), *argv], clean_environment(), state / "start.log").wall for _ in range(11)]
        found.append(alone(work, "s", walls, most=0.3))
    return found
