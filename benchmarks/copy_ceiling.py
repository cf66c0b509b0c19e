"""The client's own ceiling: a server that does no work, beside rclone, large and small, up and down."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.contest import OURS, contest
from benchmarks.ends import LARGE, SMALL, Blob, Work, fresh_folder, make_files, ours, peer, repeatedly
from benchmarks.measure import Cost, Row
from benchmarks.null_server import serving


def rows(state: Path) -> list[Row]:
    """Starts the null server, and measures."""
    found: list[Row] = []
    for work in (LARGE, SMALL):
        source = make_files(work, state / "data")
        with serving(files=work.files, size=work.size) as facts:

            def up(name: str, number: int, *, work: Work = work, source: Path = source, facts: object = facts) -> Cost:
                there = Blob(facts, f"up-{name}-{number}", "data")  # type: ignore[arg-type]
                return _by(name, source, there, state, work)

            def down(name: str, number: int, *, work: Work = work, facts: object = facts) -> Cost:
                there = Blob(facts, "source", "data")  # type: ignore[arg-type]
                return _by(name, there, fresh_folder(state, name), state, work)

            def clean(number: int) -> None:
                shutil.rmtree(state / "down", ignore_errors=True)

            for way, copy in (("to", up), ("from", down)):
                clients: dict[str, Callable[[int], Cost]] = {
                    name: repeatedly(partial(copy, name), clean) for name in (OURS, "rclone")
                }
                found += contest(
                    f"{work.name} {way} a null server", work.rounds, clients, servers=lambda: 0.0, walls={"rclone": 1.0}
                )
    return found


def _by(name: str, source: Path | Blob, destination: Path | Blob, state: Path, work: Work) -> Cost:
    if name == OURS:
        return ours(source, destination, state, work)
    return peer(name, source, destination, state, at_once=16)
