"""Copies that are killed (``kill -9``) at random moments, again and again: `python -m tests.transfer.kill_rounds 1000`.

Each round starts the same copy as a process of its own and kills it. Where one came to its end before that, everything
must be there, byte for byte, and nothing besides; then the source gets new content, so that there is work for the next.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired

from tests.servers import default_state, start, status, stop
from tests.transfer.ends import End, Ends, start_copy
from tests.transfer.trees import make, read, source_of

KIB = 2**10
OPTIONS = ("--part-size", "256KiB", "--threads", "4", "--route", "worker")
SLOW = ("--rate", "2MiB/s")
FEW, MANY = 24, 2000
"""Files; many of them are copied by child processes, unless a rate is kept."""
SOONEST, LATEST = 0.15, 0.85
"""Seconds after which a copy is killed: between Python's own start and the copy's end."""


@dataclass
class Outcome:
    """What came of some rounds."""

    killed: int = 0
    finished: int = 0


def run_rounds(
    count: int, source: Path, end: End, options: Sequence[str] = (), seed: int = 1, *, files: int = FEW
) -> Outcome:
    """Kills so many copies of a tree to an end; raises AssertionError where something is not as it must be."""
    dice = random.Random(seed)
    outcome = Outcome()
    options = (*OPTIONS, *(SLOW if files == FEW else ()), *options)
    _fill(source, dice, range(files))
    for _ in range(count):
        copying = start_copy(source_of(source), end.at("t"), end.environment, *options)
        try:
            copying.report(dice.uniform(SOONEST, LATEST if files == FEW else LATEST / 2))
        except TimeoutExpired:
            copying.kill()
            outcome.killed += 1
        else:
            outcome.finished += 1
            _check(source, end)
            _fill(source, dice, [dice.randrange(3), *dice.sample(range(files), files // 4)])
    start_copy(source_of(source), end.at("t"), end.environment, *options).report()
    _check(source, end)
    return outcome


def _fill(top: Path, dice: random.Random, numbers: Sequence[int]) -> None:
    """Files of a few bytes, some of one part, three of several, in a few directories; an empty one."""
    for number in numbers:
        size = dice.randrange(700 * KIB, 1400 * KIB) if number < 3 else dice.randrange(1, 20 * KIB) * (number % 8 != 7)
        make(top / f"d{number % 3}", {f"f{number}": dice.randbytes(size)})
        # A new content is newer by whole seconds, which is what a copy that compares times goes by.
        later = time.time() - 10**6 + dice.randrange(10**6)
        path = top / f"d{number % 3}" / f"f{number}"
        os.utime(path, (later, later))
    make(top, {"empty": None})


def _check(source: Path, end: End) -> None:
    found, expected = end.read("t"), read(source)
    found.pop("_SUCCESS", None)
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    assert found == expected, [name for name in found if found[name] != expected[name]]
    left = [entry.path for entry in end.debris()]
    assert not left, left


def main() -> int:
    """Does what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m tests.transfer.kill_rounds", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=1000)
    parser.add_argument("--scheme", choices=("file", "abfs", "s3", "gs", "hdfs"), default="abfs")
    parser.add_argument("--publish", choices=("each", "together"), default="each")
    parser.add_argument("--files", type=int, choices=(FEW, MANY), default=FEW)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    state = default_state()
    started: list[str] = []

    def fixture(name: str) -> object:
        if not any(row.alive for row in status(state) if row.name == name):
            started.append(name)
        return start(name, state)

    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kill-rounds-") as top:
        try:
            end = Ends(fixture, Path(top))(asked.scheme)
            options = ("--publish", asked.publish)
            print(run_rounds(asked.rounds, Path(top) / "source", end, options, asked.seed, files=asked.files))
        finally:
            for name in started:
                stop(name, state)
    return 0


if __name__ == "__main__":
    sys.exit(main())
