"""YAML in Airflow's UI: mistakes as import errors beside healthy DAGs, pipelines that wait and copy."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.system.driver import Driver, wait_for


def errors(driver: Driver) -> dict[str, str]:
    found = driver.api.get("/importErrors?limit=100")["import_errors"]
    return {error["filename"]: error["stack_trace"] for error in found}


def test_a_mistake_is_an_import_error_that_goes_when_it_is_mended(driver: Driver, folder: Path) -> None:
    path = folder / "tenants/acme/orders.pipeline.yaml"
    sound = path.read_text()
    assert errors(driver) == {}
    path.write_text(sound.replace("overwrite:", "overwrit:"))
    found = wait_for(lambda: errors(driver) or None, 40, "the import error")
    [(file, text)] = found.items()
    assert file.endswith("tenants/acme/orders.pipeline.yaml.py")
    assert "tenants/acme/orders.pipeline.yaml:10:7: unknown field 'overwrit'. Did you mean 'overwrite'?" in text
    healthy = {"acme.copy.normal", "acme.copy.urgent", "globex.suppliers", "initech.copy.normal"}
    assert healthy <= driver.api.dag_ids()
    conf = {"source": "hdfs://onprem@/data/acme/x/", "destination": "abfs://acme_blob@drop/x/"}
    assert driver.post("acme.copy.normal", conf).status_code == 200
    path.write_text(sound)
    wait_for(lambda: not errors(driver), 40, "the import error to go")
    wait_for(lambda: "acme.orders" in driver.api.dag_ids(), 40, "the pipeline to come back")


def test_a_pipeline_waits_for_its_precondition_and_copies(driver: Driver) -> None:
    # The database is kept between sessions, and a pipeline has one run for each date.
    day = (date(2000, 1, 1) + timedelta(days=uuid4().int % 9000)).isoformat()
    source = f"hdfs://onprem@/data/acme/orders/{day}/"
    mark = uuid4().hex.encode()
    driver.put(source, {"orders.csv": mark})
    with driver.store(source) as store:
        store.delete(f"/data/acme/orders/{day}/_SUCCESS")
    body: dict[str, Any] = {"logical_date": f"{day}T00:00:00Z", "dag_run_id": f"test-{mark.decode()}"}
    run_id = driver.api._call("POST", "/dags/acme.orders/dagRuns", json=body)["dag_run_id"]
    wait_for(
        lambda: driver.tasks("acme.orders", run_id)["when_1"]["state"] == "deferred", 60, "the sensor to wait deferred"
    )
    driver.put(source, {"_SUCCESS": b""})
    assert driver.ended("acme.orders", run_id) == "success", driver.log("acme.orders", run_id)
    assert driver.files(f"gs://acme_gcp@acme-lake/orders/{day}/")["orders.csv"] == mark


def test_a_new_tenant_comes_and_can_copy_at_once(driver: Driver, folder: Path) -> None:
    name = f"t{uuid4().hex[:8]}"
    home = folder / "tenants" / name
    home.mkdir()
    (home / "tenant.yaml").write_text(
        f"owner: new@tenant.example\nlink: interconnect\nread: ['hdfs://onprem@/data/{name}/']\n"
        f"write: ['abfs://globex_blob@globex/{name}/']\n"
    )
    wait_for(lambda: f"{name}.copy.normal" in driver.api.dag_ids(), 40, "the new tenant's DAG")
    driver.put(f"hdfs://onprem@/data/{name}/", {"x": b"1"})
    report = driver.copied(
        f"{name}.copy.normal",
        {"source": f"hdfs://onprem@/data/{name}/", "destination": f"abfs://globex_blob@globex/{name}/"},
    )
    assert report["files"] == 1
