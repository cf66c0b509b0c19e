"""The operators alone in anyone's DAG, and the pools by the command line."""

from __future__ import annotations

from uuid import uuid4

import pytest

from airflow_datamove.cli.main import main
from tests.system.driver import Driver
from tests.system.test_requests import LARGE


def test_a_copy_alone_in_anyones_dag_routes_itself_and_distcp_may_wait_in_the_worker(driver: Driver) -> None:
    name = uuid4().hex
    source, destination = f"hdfs://onprem@/elsewhere/{name}/", f"gs://acme_gcp@acme-lake/{name}/"
    driver.put(source, LARGE)
    run_id = driver.api.trigger("anyones", {"source": source, "destination": destination})
    assert driver.ended("anyones", run_id) == "success", driver.log("anyones", run_id)
    where = f"/dags/anyones/dagRuns/{run_id}/taskInstances"
    first, second = (
        driver.api.get(f"{where}/{task}/xcomEntries/return_value?deserialize=true")["value"]
        for task in ("copy", "again")
    )
    assert (first["route"], first["files"], first["skipped"]) == ("distcp", 3, 0)
    assert (second["route"], second["files"], second["skipped"]) == ("distcp", 3, 0)
    assert first["details"]["application_id"] != second["details"]["application_id"]
    assert driver.files(destination) == LARGE


def test_pools_are_shown_first_then_changed_and_then_left_alone(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = driver.stack
    monkeypatch.setenv("DATAMOVE_API_URL", stack.url)
    monkeypatch.setenv("DATAMOVE_API_USERNAME", stack.username)
    monkeypatch.setenv("DATAMOVE_API_PASSWORD", stack.password)
    folder = "examples/quickstart"
    driver.api._call(
        "PATCH",
        "/pools/interconnect.worker",
        json={"pool": "interconnect.worker", "slots": 1, "include_deferred": False},
    )
    driver.api._call("DELETE", "/pools/interconnect.urgent")
    for arguments, shown in (
        ([], "2 pools to change; --apply does it"),
        (["--apply"], "changed 2 pools"),
        (["--apply"], "nothing to change: 3 pools are as they should be"),
    ):
        assert main(["pools", folder, *arguments]) == 0
        assert shown in capsys.readouterr().out
    assert driver.api.get("/pools/interconnect.worker")["slots"] == 5
    assert driver.api.get("/pools/interconnect.urgent")["slots"] == 3
    monkeypatch.setenv("DATAMOVE_API_PASSWORD", "wrong")
    assert main(["pools", folder]) == 1
    assert "refuses this login" in capsys.readouterr().err
