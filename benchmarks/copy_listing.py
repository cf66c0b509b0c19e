"""Listing and comparing a million files that are all there already, beside rclone; in folders, and in one flat one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.contest import OURS, alone, contest
from benchmarks.ends import DATAMOVE, MIB
from benchmarks.measure import Cost, Row, WentWrong, run_measured
from benchmarks.peers import rclone
from tests.servers.stack import clean_environment

FILES = 1_000_000


def rows(state: Path) -> list[Row]:
    """Makes the files, and measures."""
    found: list[Row] = []
    data = state / "million"
    try:
        for name, in_folder, most in (("in folders of 1,000", 1000, 256), ("in one folder", FILES, 512)):
            source, destination = data / "source", data / "destination"
            for root in (source, destination):
                _make(root, in_folder)
            residents: list[float] = []

            def ours(number: int, *, residents: list[float] = residents) -> Cost:
                cost = _ours(data, state)
                residents.append(cost.resident / MIB)
                return cost

            clients: dict[str, Callable[[int], Cost]] = {OURS: ours, "rclone": partial(_rclone, data, state)}
            work = f"comparing 1,000,000 files {name}, nothing to do"
            bars = {"rclone": 1.5} if in_folder < FILES else {}
            found += contest(work, 5 if in_folder < FILES else 3, clients, servers=lambda: 0.0, walls=bars)
            found.append(alone(work, "MiB resident", residents, most=most))
            shutil.rmtree(data)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return found


def _make(root: Path, in_folder: int) -> None:
    for number in range(FILES):
        if number % in_folder == 0:
            folder = root / f"{number // in_folder:04}"
            folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f"{number:07}.dat", os.O_WRONLY | os.O_CREAT)
        os.write(handle, b"0123456789")
        # The same second on both sides.
        os.utime(handle, (1_700_000_000, 1_700_000_000))
        os.close(handle)


def _ours(data: Path, state: Path) -> Cost:
    argv = [str(DATAMOVE), "copy", f"{data}/source", f"{data}/destination"]
    cost = run_measured(argv, clean_environment(), state / "datamove.log")
    if f"{FILES} skipped" not in cost.output:
        raise WentWrong(f"it did not compare them all: {cost.output}")
    return cost


def _rclone(data: Path, state: Path, number: int) -> Cost:
    command = rclone(data / "source", data / "destination", state / "scratch")
    return run_measured(command.argv, command.env, state / "rclone.log")
