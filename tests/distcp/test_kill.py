"""``kill -9`` in a real Airflow and a real YARN; more rounds by DATAMOVE_DISTCP_KILL_ROUNDS, or by hand:
see ``kill_rounds``."""

from __future__ import annotations

import os

import pytest

from tests.conftest import STATE
from tests.distcp.kill_rounds import run_rounds

ROUNDS = int(os.environ.get("DATAMOVE_DISTCP_KILL_ROUNDS", "3"))


@pytest.mark.timeout(900 + 60 * ROUNDS)
def test_whoever_is_killed_each_request_is_carried_out_once() -> None:
    # By this seed the first to be killed is a task whose job runs, so that there is something to join.
    outcome = run_rounds(ROUNDS, STATE.with_name("test-kill"), seed=136)
    assert outcome.sound(), outcome
    assert outcome.requests >= 2
    assert outcome.joined + outcome.taken >= 1, outcome
