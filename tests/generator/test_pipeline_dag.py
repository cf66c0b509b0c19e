"""What a pipeline says, as Airflow stores it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction

from airflow_datamove.generator.tenant_dags import build_dags

TENANT = """
owner: data@acme.example
link: net
read: ["hdfs://h@/"]
write: ["gs://g@lake/"]
"""
STEPS = "steps: {a: {copy: {source: 'hdfs://h@/x/', destination: 'gs://g@lake/x/{{ params.r }}/'}}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tenants/acme").mkdir(parents=True)
    (tmp_path / "platform.yaml").write_text("links: {net: {capacity: 1 GiB/s}}\n")
    (tmp_path / "tenants/acme/tenant.yaml").write_text(TENANT)
    return tmp_path


def built(home: Path, text: str) -> tuple[DAG, Any]:
    """The DAG, and what Airflow stores of it."""
    (home / "tenants/acme/p.pipeline.yaml").write_text("params: {r: {default: eu}}\n" + text + STEPS)
    dag = build_dags(home, "acme", file="x.py")["acme.p"]
    dag.validate()
    return dag, DagSerialization.from_dict(DagSerialization.to_dict(dag))


def test_a_schedule_is_meant_where_the_pipeline_says(home: Path) -> None:
    _, stored = built(home, 'schedule: "30 0 * * *"\ntimezone: Europe/Berlin\ninterval: 1d\n')
    berlin = ZoneInfo("Europe/Berlin")
    start = pendulum.datetime(2026, 7, 1, 12)
    restriction = TimeRestriction(earliest=start, latest=None, catchup=True)
    info = stored.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info.run_after == datetime(2026, 7, 2, 0, 30, tzinfo=berlin)
    assert info.data_interval == DataInterval(start=info.run_after - timedelta(days=1), end=info.run_after)


@pytest.mark.parametrize("preset", ["@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@once"])
def test_every_preset_is_airflows(home: Path, preset: str) -> None:
    _, stored = built(home, f'schedule: "{preset}"\n')
    restriction = TimeRestriction(earliest=pendulum.datetime(2026, 1, 5), latest=None, catchup=True)
    assert stored.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction) is not None


def test_dates_retries_owner_and_docs(home: Path) -> None:
    text = (
        "start: 2026-01-31\nend: 2026-02-01T06:00\ntimezone: Asia/Tokyo\nschedule: '@daily'\ncatchup: true\n"
        "owner: me@acme.example\nretries: 7\nretry_delay: 2m\ntimeout: 3h\nmax_active_runs: 2\ntags: [x]\n"
        "docs: /etc/passwd.md\n"
    )
    dag, stored = built(home, text)
    tokyo = ZoneInfo("Asia/Tokyo")
    assert stored.start_date == datetime(2026, 1, 31, tzinfo=tokyo)
    assert stored.end_date == datetime(2026, 2, 1, 6, tzinfo=tokyo)
    assert (stored.catchup, stored.max_active_runs, stored.doc_md) == (True, 2, "/etc/passwd.md\n")
    task = stored.get_task("a")
    assert (task.owner, task.retries, task.retry_delay) == ("me@acme.example", 7, timedelta(minutes=2))
    assert dag.get_task("a").execution_timeout == timedelta(hours=3)
    assert {"acme", "datamove", "normal", "x"} == set(stored.tags)


def test_what_others_are_told_is_what_they_wait_for(home: Path) -> None:
    writer, _ = built(home, "")
    told = {(asset.name, asset.uri) for asset in writer.get_task("done").outlets}
    assert told == {("acme.p", "x-datamove://acme/p"), ("gs://g@lake/x", "x-gs://g@lake/x")}
    (home / "tenants/acme/q.pipeline.yaml").write_text(
        "after: [p, 'gs://g@lake/x/']\nsteps: {b: {copy: {source: 'hdfs://h@/y/', destination: 'gs://g@lake/y/'}}}\n"
    )
    reader = build_dags(home, "acme", file="x.py")["acme.q"]
    condition: Any = reader.timetable.asset_condition
    waited = {(asset.name, asset.uri) for asset in condition.objects}
    assert waited == told


def test_any_is_enough_where_the_pipeline_says_so(home: Path) -> None:
    (home / "tenants/acme/q.pipeline.yaml").write_text(
        "after: {any: [p, r]}\nsteps: {b: {copy: {source: 'hdfs://h@/y/', destination: 'gs://g@lake/y/'}}}\n"
    )
    (home / "tenants/acme/r.pipeline.yaml").write_text(
        "steps: {b: {copy: {source: 'hdfs://h@/y/', destination: 'gs://g@lake/r/'}}}\n"
    )
    built(home, "")
    reader = build_dags(home, "acme", file="x.py")["acme.q"]
    assert type(reader.timetable.asset_condition).__name__ == "AssetAny"


def test_parameters_have_their_types(home: Path) -> None:
    (home / "tenants/acme/p.pipeline.yaml").write_text(
        "params:\n  r: {default: eu, enum: [eu, us], title: R, description: of}\n  n: {type: integer, minimum: 1}\n"
        "  d: {type: date, default: 2026-01-01}\n" + STEPS
    )
    stored = DagSerialization.from_dict(DagSerialization.to_dict(build_dags(home, "acme", file="x.py")["acme.p"]))
    schemas = {name: stored.params.get_param(name).schema for name in ("r", "n", "d")}
    assert schemas["r"] == {"type": "string", "enum": ["eu", "us"], "title": "R"}
    assert schemas["n"] == {"type": "integer", "minimum": 1}
    assert schemas["d"] == {"type": "string", "format": "date"}
    with pytest.raises(Exception, match="is not one of"):
        stored.params.deep_merge({"r": "asia", "n": 1}).validate()


def test_no_dag_changes_while_its_yaml_does_not(home: Path) -> None:
    first, _ = built(home, "schedule: '@daily'\n")
    second, _ = built(home, "schedule: '@daily'\n")
    assert DagSerialization.to_dict(first) == DagSerialization.to_dict(second)
