"""A DistCp task that people end and clear: what becomes of its YARN applications."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.driver import Driver, wait_for

SOME = {"a": b"a" * 1000, "d/b": b"b"}
MUCH = {"a": bytes(40 * 2**20)}  # 40 s at this DAG's rate


def start(driver: Driver, files: dict[str, bytes]) -> tuple[str, str]:
    """A run, and where its destination is."""
    name = uuid4().hex[:12]
    source, destination = f"hdfs://onprem@/durable/{name}/src/", f"hdfs://onprem@/durable/{name}/dst/"
    driver.put(source, files)
    return driver.api.trigger("durable", {"source": source, "destination": destination}), destination


def applications(driver: Driver, run_id: str) -> list[dict[str, Any]]:
    """The YARN applications of a run, oldest first."""
    answer = requests.get(f"{driver.stack.resource_manager}/ws/v1/cluster/apps", timeout=10).json()
    found = [app for app in (answer["apps"] or {}).get("app") or [] if app["name"].endswith(f"durable {run_id}")]
    return sorted(found, key=lambda app: int(app["startedTime"]))


def running(driver: Driver, run_id: str) -> str:
    """The application of a run, once a triggerer waits for it and it runs."""

    def look() -> str | None:
        task = driver.tasks("durable", run_id)["distcp"]
        apps = [app["id"] for app in applications(driver, run_id) if app["state"] == "RUNNING"]
        return apps[-1] if apps and task["state"] == "deferred" and task["triggerer_job"] else None

    return wait_for(look, 120, "a job that runs")


def clear(driver: Driver, run_id: str) -> None:
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["distcp"], "only_failed": False}
    driver.api._call("POST", "/dags/durable/clearTaskInstances", json={**body, "reset_dag_runs": True})


def killed(driver: Driver, run_id: str, app: str) -> float:
    """Seconds until an application is dead."""
    began = time.monotonic()

    def dead() -> bool:
        return any(each["id"] == app and each["state"] == "KILLED" for each in applications(driver, run_id))

    wait_for(dead, 30, f"the end of {app}")
    return time.monotonic() - began


def test_clearing_a_finished_task_starts_afresh(driver: Driver) -> None:
    run_id, destination = start(driver, SOME)
    assert driver.ended("durable", run_id) == "success", driver.log("durable", run_id)
    clear(driver, run_id)
    wait_for(lambda: len(applications(driver, run_id)) == 2, 90, "a second job")
    assert driver.ended("durable", run_id) == "success"
    assert [app["finalStatus"] for app in applications(driver, run_id)] == ["SUCCEEDED", "SUCCEEDED"]
    assert len({app["applicationTags"] for app in applications(driver, run_id)}) == 2
    assert driver.files(destination) == SOME


@pytest.mark.parametrize("how", ["clear", "fail"])
def test_ending_a_task_that_waits_ends_its_job_within_ten_seconds(driver: Driver, how: str) -> None:
    run_id, destination = start(driver, MUCH)
    app = running(driver, run_id)
    if how == "clear":
        clear(driver, run_id)
    else:
        where = f"/dags/durable/dagRuns/{run_id}/taskInstances/distcp"
        driver.api._call("PATCH", where, json={"new_state": "failed"})
    seconds = killed(driver, run_id, app)
    print(f"{how}: dead after {seconds:.1f} s")
    assert seconds < 10
    if how == "fail":
        assert driver.ended("durable", run_id) == "failed"
        assert driver.files(destination) == {}
        return
    assert driver.ended("durable", run_id, 240) == "success"
    assert [each["finalStatus"] for each in applications(driver, run_id)] == ["KILLED", "SUCCEEDED"]
    assert driver.files(destination) == MUCH
