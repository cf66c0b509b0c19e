"""``kill -9`` of whatever a request needs between "accepted" and "done".

More rounds by DATAMOVE_REQUEST_KILL_ROUNDS, or by hand: see ``rounds``.
"""

from __future__ import annotations

import os

import pytest

from tests.conftest import STATE
from tests.requests_killed.rounds import run_rounds

ROUNDS = int(os.environ.get("DATAMOVE_REQUEST_KILL_ROUNDS", "4"))


@pytest.mark.timeout(900 + 60 * ROUNDS)
def test_whatever_is_killed_each_accepted_request_is_done_once() -> None:
    outcome = run_rounds(ROUNDS, STATE.with_name("test-requests-killed"), seed=5)

    assert outcome.sound(), outcome
    assert outcome.accepted > 3 * ROUNDS
    assert outcome.killed.total() >= ROUNDS - 2, outcome
