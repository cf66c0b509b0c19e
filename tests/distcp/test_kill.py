"""``kill -9`` in a real Airflow and a real YARN; more rounds by DATAMOVE_DISTCP_KILL_ROUNDS, or by hand:
see ``kill_rounds``."""

from __future__ import annotations

import os

import pytest

from tests.conftest import STATE
from tests.distcp.kill_rounds import run_rounds

ROUNDS = int(os.environ.get("DATAMOVE_DISTCP_KILL_ROUNDS", "4"))


@pytest.mark.timeout(900 + 60 * ROUNDS)
def test_whoever_is_killed_each_request_is_carried_out_once() -> None:
    outcome = run_rounds(ROUNDS, STATE.with_name("test-kill"), seed=4)
    assert outcome.sound(), outcome
    assert outcome.requests >= 2
