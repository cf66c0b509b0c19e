"""Azure to Azure by the service itself, beside azcopy where it can, and rclone: many small files and one large one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contest import OURS, contest, server_cpu
from benchmarks.copy_azure import Container
from benchmarks.ends import LARGE, SMALL, Blob, Work, make_files, ours, peer
from benchmarks.measure import Cost, Row, WentWrong, say
from tests.servers import start, stop


def rows(state: Path) -> list[Row]:
    """Starts Azurite, and measures."""
    azurite = start("azurite", state)
    found: list[Row] = []
    try:
        for work in (LARGE, SMALL):
            found += _within(work, azurite, state)
    finally:
        stop("azurite", state)
        shutil.rmtree(state / "azurite" / "data", ignore_errors=True)
    return found


def _within(work: Work, azurite: Any, state: Path) -> list[Row]:
    source = Blob(azurite, f"source-{work.files}", "data")
    with Container(source, work):
        ours(make_files(work, state / "data"), source, state, work)

        def copy(name: str, number: int) -> Cost:
            there = Blob(azurite, f"within-{name}-{number}", "data")
            with Container(there, work):
                return ours(source, there, state, work) if name == OURS else peer(name, source, there, state)

        clients: dict[str, Callable[[int], Cost]] = {OURS: partial(copy, OURS)}
        for name in ("azcopy", "rclone"):
            try:
                copy(name, 99)
            except WentWrong as error:
                say(f"{name} cannot do it here: {error}")
            else:
                clients[name] = partial(copy, name)
        return contest(
            f"{work.name} from Azurite to Azurite by the service",
            work.rounds,
            clients,
            servers=partial(server_cpu, state),
            walls={name: 1.2 for name in clients if name == "azcopy"},
        )
