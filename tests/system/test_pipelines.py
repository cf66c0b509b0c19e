"""Pipelines as Airflow runs them: one after the other, each of many, a function of the platform's."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from tests.system.driver import Driver, wait_for

TENANT = """
owner: {name}@tenant.example
link: interconnect
read: ["hdfs://onprem@/data/{name}/", "gs://acme_gcp@acme-lake/{name}/"]
write: ["gs://acme_gcp@acme-lake/{name}/"]
"""
FIRST = """
params:
  mark: {{default: none}}
steps:
  days:
    for_each: {{list: "hdfs://onprem@/data/{name}/day=*/"}}
    copy:
      source: hdfs://onprem@/data/{name}/{{{{ item.path }}}}/
      destination: gs://acme_gcp@acme-lake/{name}/raw/{{{{ item.name }}}}/{{{{ params.mark }}}}/
"""
SECOND = """
after: [first, "gs://acme_gcp@acme-lake/{name}/raw/"]
steps:
  together:
    copy:
      source: gs://acme_gcp@acme-lake/{name}/raw/
      destination: gs://acme_gcp@acme-lake/{name}/all/
"""


def test_a_pipeline_for_each_folder_and_one_that_follows_it(driver: Driver, folder: Path) -> None:
    name = f"p{uuid4().hex[:8]}"
    home = folder / "tenants" / name
    home.mkdir()
    (home / "tenant.yaml").write_text(TENANT.format(name=name))
    (home / "first.pipeline.yaml").write_text(FIRST.format(name=name))
    (home / "second.pipeline.yaml").write_text(SECOND.format(name=name))
    for day in ("day=1", "day=2"):
        driver.put(f"hdfs://onprem@/data/{name}/{day}/", {"x": day.encode()})
    # A large one goes to DistCp: the tests' threshold is 1 MiB.
    driver.put(f"hdfs://onprem@/data/{name}/day=3/", {"large": b"x" * (1 << 20)})
    wait_for(lambda: {f"{name}.first", f"{name}.second"} <= driver.api.dag_ids(), 90, "the new pipelines")
    run_id = driver.api.trigger(f"{name}.first", {"mark": "m"})
    assert driver.ended(f"{name}.first", run_id, 300) == "success", driver.log(f"{name}.first", run_id)
    tasks = driver.api.tasks(f"{name}.first", run_id)
    assert sorted(task["rendered_map_index"] for task in tasks if task["task_id"] == "days") == [
        "day=1",
        "day=2",
        "day=3",
    ]
    found = driver.files(f"gs://acme_gcp@acme-lake/{name}/raw/")
    assert {path: len(content) for path, content in found.items()} == {
        "day=1/m/x": 5,
        "day=2/m/x": 5,
        "day=3/m/large": 1 << 20,
    }
    runs = wait_for(
        lambda: driver.api.get(f"/dags/{name}.second/dagRuns")["dag_runs"] or None, 120, "the run that follows"
    )
    assert runs[0]["run_type"] == "asset_triggered"
    assert driver.ended(f"{name}.second", runs[0]["dag_run_id"], 200) == "success"
    assert set(driver.files(f"gs://acme_gcp@acme-lake/{name}/all/")) == set(found)
