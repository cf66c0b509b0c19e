"""On PostgreSQL, whose columns have types: what the policy writes must be what they take."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from uuid import uuid4

from tests.conftest import STATE
from tests.servers import facts, status
from tests.system.driver import Driver
from tests.system.test_requests import BAD, SOUND


def test_the_policy_on_postgres(on_postgres: Driver) -> None:
    driver = on_postgres
    for dag_id, conf, words in BAD:
        answer = driver.post(dag_id, conf)
        assert answer.status_code == 400, (conf, answer.text)
        assert words in answer.json()["detail"]
    cases: list[tuple[str, dict[str, Any], int, int]] = [
        ("bulk", {"priority": 0}, 0, 1),
        ("urgent", {"priority": 99, "slots": 8}, 299, 3),
    ]
    for lane, conf, weight, slots in cases:
        run_id = driver.api.trigger(f"acme.copy.{lane}", {**SOUND, **conf})
        task = driver.tasks(f"acme.copy.{lane}", run_id)["copy"]
        assert (task["priority_weight"], task["pool_slots"]) == (weight, slots)


def test_a_run_that_no_api_looked_at_harms_nobody_and_fails_at_once(on_postgres: Driver) -> None:
    """`airflow dags trigger` asks no API server: the scheduler meets what was posted as it is."""
    driver = on_postgres
    beside = STATE.with_name("test-postgres")
    alive = {row.daemon: row.pid for row in status(beside) if row.name == "airflow" and row.alive}
    command = facts("airflow", beside)["command"]

    def trigger(conf: dict[str, Any]) -> tuple[str, int]:
        run_id = f"cli-{uuid4().hex[:12]}"
        words = [command, "dags", "trigger", "acme.copy.normal", "--run-id", run_id, "--conf", json.dumps(conf)]
        return run_id, subprocess.run(words, capture_output=True, text=True, timeout=120).returncode

    # The form's own types are asked by the command too; what they let through meets the policy and the operator.
    for refused in ({"priority": "high"}, {"priority": int("9" * 400)}):
        assert trigger({**SOUND, **refused})[1] != 0
    for let_through in ({"priority": 50.0}, {"nonsense": 1}, {"lane": "bulk"}):
        run_id, code = trigger({**SOUND, **let_through})
        assert code == 0
        assert driver.ended("acme.copy.normal", run_id) == "failed"
        task = driver.tasks("acme.copy.normal", run_id)["copy"]
        assert (task["state"], task["try_number"]) == ("failed", 1)
        assert (task["priority_weight"], task["pool_slots"]) == (150, 1)
    assert {row.daemon: row.pid for row in status(beside) if row.name == "airflow" and row.alive} == alive
    assert len(alive) == 4


def test_a_request_on_postgres(on_postgres: Driver) -> None:
    name = uuid4().hex
    source, destination = f"hdfs://onprem@/data/acme/{name}/", f"abfs://acme_blob@drop/{name}/"
    on_postgres.put(source, {"a": b"1"})
    report = on_postgres.copied("acme.copy.urgent", {"source": source, "destination": destination})
    assert (report["route"], report["files"]) == ("worker", 1)
