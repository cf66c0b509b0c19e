"""``kill -9`` at random moments; more rounds by DATAMOVE_KILL_ROUNDS, or by hand: see ``kill_rounds``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.transfer.ends import Ends
from tests.transfer.kill_rounds import FEW, MANY, run_rounds

ROUNDS = int(os.environ.get("DATAMOVE_KILL_ROUNDS", "50"))


@pytest.mark.timeout(120 + 3 * ROUNDS)
@pytest.mark.parametrize(
    ("scheme", "publish", "files", "share"),
    [
        ("abfs", "each", FEW, 0.3),
        ("abfs", "each", MANY, 0.1),
        ("file", "each", FEW, 0.3),
        ("file", "each", MANY, 0.1),
        ("file", "together", FEW, 0.2),
    ],
)
def test_after_kills_at_random_moments_everything_is_there_once_and_nothing_besides(
    tmp_path: Path, ends: Ends, scheme: str, publish: str, files: int, share: float
) -> None:
    rounds = int(ROUNDS * share)
    outcome = run_rounds(rounds, tmp_path / "source", ends(scheme), ("--publish", publish), files=files)
    assert outcome.killed + outcome.finished == rounds
    assert outcome.killed >= rounds // 4, "the copies end before they are killed: this proves nothing"
