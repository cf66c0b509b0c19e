"""Requests by REST: routed, copied, reported; priority and slots by conf; bad ones refused or failed at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from airflow_datamove.report import TransferReport
from tests.conftest import STATE
from tests.servers import start, status, stop
from tests.system.driver import Driver, wait_for

SMALL = {"a.txt": b"a" * 1000, "sub/b %20.txt": b"b", "empty": b""}
LARGE = {"part-0": b"0" * 1_500_000, "sub/part 1": b"1" * 700_000, "_SUCCESS": b""}
SOUND = {"source": "hdfs://onprem@/data/acme/none/", "destination": "abfs://acme_blob@drop/none/"}


def fresh(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:8]}"


def test_a_small_request_is_copied_by_the_worker(driver: Driver) -> None:
    name = fresh("small")
    source, destination = f"hdfs://onprem@/data/acme/{name}/", f"abfs://acme_blob@drop/{name}/"
    driver.put(source, SMALL)
    report = driver.copied("acme.copy.normal", {"source": source, "destination": destination, "client": "billing"})
    assert TransferReport.from_dict(report).to_dict() == report
    assert (report["route"], report["files"], report["bytes"]) == ("worker", 3, 1001)
    assert "below the threshold of 1 MiB" in report["reason"]
    assert report["verified_by"] == "md5"
    assert report["details"]["client"] == "billing"
    assert driver.files(destination) == SMALL


def test_a_large_request_is_copied_by_distcp_while_no_worker_waits(driver: Driver) -> None:
    name = fresh("large")
    # What looks like a template is a name: a posted address is never rendered, on neither route.
    source = f"hdfs://onprem@/data/acme/{name}/"
    destination = f"gs://acme_gcp@acme-lake/{name}/{{{{ 1+1 }}}}/"
    driver.put(source, LARGE)
    run_id = driver.api.trigger("acme.copy.normal", {"source": source, "destination": destination, "slots": 3})

    def deferred() -> dict[str, Any] | None:
        task = driver.tasks("acme.copy.normal", run_id).get("distcp", {})
        return task if task.get("state") == "deferred" else None

    task = wait_for(deferred, 90, "the DistCp task to defer")
    assert (task["pool"], task["pool_slots"], task["priority_weight"]) == ("interconnect.distcp", 3, 150)
    pool = driver.api.get("/pools/interconnect.distcp")
    assert pool["deferred_slots"] == 3
    assert pool["open_slots"] == pool["slots"] - 3
    assert driver.ended("acme.copy.normal", run_id) == "success"
    report = driver.api.report("acme.copy.normal", run_id)
    assert report is not None
    assert (report["route"], report["files"], report["bytes"]) == ("distcp", 3, 2_200_000)
    assert "not below the threshold of 1 MiB" in report["reason"]
    assert report["details"]["application_id"].startswith("application_")
    assert driver.files(destination) == LARGE
    links = driver.api.get(f"/dags/acme.copy.normal/dagRuns/{run_id}/taskInstances/distcp/links?map_index=0")
    assert report["details"]["application_id"] in links["extra_links"]["YARN application"]


@pytest.mark.parametrize(
    ("lane", "conf", "weight", "slots"),
    [
        ("bulk", {"priority": 0}, 0, 1),
        ("normal", {"priority": 7, "slots": 2}, 107, 2),
        ("urgent", {"priority": 99, "slots": 8}, 299, 3),
    ],
)
def test_priority_and_slots_follow_the_request(
    driver: Driver, lane: str, conf: dict[str, Any], weight: int, slots: int
) -> None:
    run_id = driver.api.trigger(f"acme.copy.{lane}", {**SOUND, **conf})
    task = driver.tasks(f"acme.copy.{lane}", run_id)["copy"]
    assert (task["priority_weight"], task["pool_slots"]) == (weight, slots)
    driver.ended(f"acme.copy.{lane}", run_id)


BAD: list[tuple[str, Any, str]] = [
    ("acme.copy.normal", {}, "source"),
    ("acme.copy.normal", {"destination": SOUND["destination"]}, "source"),
    ("acme.copy.normal", {"source": SOUND["source"]}, "destination"),
    ("acme.copy.normal", {**SOUND, "prioritty": 3}, "Did you mean 'priority'?"),
    ("acme.copy.normal", {**SOUND, "datamove": {}}, "unknown field 'datamove'"),
    ("acme.copy.normal", {**SOUND, "source": "hdsf://onprem@/x"}, "Did you mean hdfs://?"),
    ("acme.copy.normal", {**SOUND, "source": "hdfs://u:hunter2@/x"}, "carries a credential"),
    ("acme.copy.normal", {**SOUND, "destination": "abfs://b@c/x?sv=1&sig=hunter2"}, "carries a credential"),
    ("acme.copy.normal", {**SOUND, "source": "hdfs://onprem@/data/globex/"}, "outside what tenant 'acme' may read"),
    ("acme.copy.normal", {**SOUND, "source": "hdfs://onprem@/data/acme/../globex/"}, "holds '.' or '..'"),
    ("acme.copy.normal", {**SOUND, "source": "hdfs://onprem@/data/{{globex}}/"}, "outside what tenant 'acme' may read"),
    ("acme.copy.normal", {**SOUND, "destination": "gs://acme_gcp@other/"}, "outside what tenant 'acme' may write"),
    ("acme.copy.normal", {**SOUND, "lane": "urgent"}, "Post it to acme.copy.urgent"),
    ("globex.copy.normal", {**SOUND, "lane": "urgent"}, "above max_lane"),
    (
        "initech.copy.normal",
        {"source": "hdfs://onprem@/data/initech/d/", "destination": "hdfs://onprem@/data/initech/d/e/"},
        "into itself",
    ),
    ("acme.copy.normal", {**SOUND, "slots": 9}, "slots"),
    ("acme.copy.normal", {**SOUND, "slots": 0}, "slots"),
    ("acme.copy.normal", {**SOUND, "priority": 1000}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": -1}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": "high"}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": 50.0}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": 50.5}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": [1]}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": None}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": True}, "priority"),
    ("acme.copy.normal", {**SOUND, "priority": int("9" * 400)}, "priority"),
    ("acme.copy.normal", {**SOUND, "overwrite": "perhaps"}, "overwrite"),
]


@pytest.mark.parametrize(("dag_id", "conf", "words"), BAD)
def test_a_bad_request_is_refused_at_submission(driver: Driver, dag_id: str, conf: Any, words: str) -> None:
    answer = driver.post(dag_id, conf)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["detail"]


def test_no_refused_credential_is_kept_anywhere(driver: Driver) -> None:
    secret = fresh("hunter2")
    for conf in ({**SOUND, "source": f"hdfs://u:{secret}@/x"}, {**SOUND, "client": f"abfs://b@c/x?sig={secret}"}):
        assert driver.post("acme.copy.normal", conf).status_code == 400
    kept = [path for path in (STATE / "airflow").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    logged = [path for path in (STATE / "logs").rglob("*") if secret.encode() in path.read_bytes()]
    assert kept + logged == []


def test_a_lane_that_the_tenant_does_not_have_is_not_found(driver: Driver) -> None:
    assert driver.post("globex.copy.urgent", SOUND).status_code == 404


def test_a_stranger_and_a_viewer_may_not_post(driver: Driver) -> None:
    url = f"{driver.stack.url}/api/v2/dags/acme.copy.normal/dagRuns"
    body = {"logical_date": None, "conf": SOUND}
    assert requests.post(url, json=body, timeout=30).status_code == 401
    name, password = driver.stack.viewer
    login = requests.post(
        f"{driver.stack.url}/auth/token", json={"username": name, "password": password}, timeout=30
    ).json()
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 403


def test_what_only_shows_at_the_stores_fails_at_once_and_before_any_byte(driver: Driver) -> None:
    name = fresh("late")
    home = f"hdfs://onprem@/data/initech/{name}/"
    driver.put(home, {"dir/file": b"x", "plain": b"y"})
    lane = "initech.copy.urgent"
    cases = [
        ({"source": f"{home}missing/", "destination": f"{home}out/"}, "there is nothing here"),
        ({"source": "abfs://nowhere@drop/x/", "destination": f"{home}out/"}, "there is no connection 'nowhere'"),
        ({"source": f"{home}dir/", "destination": f"{home}plain/"}, "is a file where a directory must be"),
        ({"source": f"{home}plain/", "destination": f"{home}out/"}, "is a file"),
    ]
    for conf, words in cases:
        assert words in driver.failed(lane, conf)
    assert driver.files(home) == {"dir/file": b"x", "plain": b"y"}


def test_a_cluster_that_is_down_fails_a_large_request_in_half_a_minute(driver: Driver) -> None:
    name = fresh("down")
    source, destination = f"hdfs://onprem@/data/acme/{name}/", f"gs://acme_gcp@acme-lake/{name}/"
    driver.put(source, LARGE)
    stop("hadoop", STATE, "resourcemanager")
    try:
        log = driver.failed("acme.copy.urgent", {"source": source, "destination": destination})
    finally:
        start("hadoop", STATE)
    assert "resource manager" in log
    assert not driver.exists(destination)


def test_failing_the_run_ends_the_yarn_job(driver: Driver) -> None:
    name = fresh("cancel")
    source, destination = f"hdfs://onprem@/data/acme/{name}/", f"gs://acme_gcp@acme-lake/{name}/"
    driver.put(source, LARGE)
    run_id = driver.api.trigger("acme.copy.normal", {"source": source, "destination": destination})
    task = wait_for(
        lambda: next((t for t in driver.api.tasks("acme.copy.normal", run_id) if t["triggerer_job"]), None),
        90,
        "a triggerer to wait for the job",
    )
    where = f"/dags/acme.copy.normal/dagRuns/{run_id}"
    link = f"{where}/taskInstances/distcp/xcomEntries/_link_YarnApplicationLink"
    page = driver.api.get(f"{link}?map_index={task['map_index']}")
    app = page["value"].rpartition("/")[2]
    driver.api.end_unfinished("acme.copy.normal")

    def state() -> str | None:
        answer = requests.get(f"{driver.stack.resource_manager}/ws/v1/cluster/apps/{app}/state", timeout=10).json()
        return str(answer["state"]) if answer["state"] in ("KILLED", "FINISHED", "FAILED") else None

    assert wait_for(state, 30, "the application's end") == "KILLED"


def test_the_scheduler_has_survived_all_of_this(driver: Driver, folder: Path) -> None:
    alive = {row.daemon for row in status(STATE) if row.name == "airflow" and row.alive}
    assert alive == {"api-server", "scheduler", "dag-processor", "triggerer"}
    health = requests.get(f"{driver.stack.url}/api/v2/monitor/health", timeout=30).json()
    assert {name: health[name]["status"] for name in ("scheduler", "triggerer", "dag_processor")} == {
        "scheduler": "healthy",
        "triggerer": "healthy",
        "dag_processor": "healthy",
    }
