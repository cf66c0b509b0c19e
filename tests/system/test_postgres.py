"""On PostgreSQL, whose columns have types: what the policy writes must be what they take."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

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


def test_a_request_on_postgres(on_postgres: Driver) -> None:
    name = uuid4().hex
    source, destination = f"hdfs://onprem@/data/acme/{name}/", f"abfs://acme_blob@drop/{name}/"
    on_postgres.put(source, {"a": b"1"})
    report = on_postgres.copied("acme.copy.urgent", {"source": source, "destination": destination})
    assert (report["route"], report["files"]) == ("worker", 1)
