"""YAML to DAGs at size: parse time beside dag-factory's, a task's start with 1 and with 5,000 pipelines, lint.

5,000 pipelines of 200 tenants. dag-factory (from PyPI, without its dependencies, which Airflow's environment has) gets
the same DAGs: the same operators with the same arguments and dependencies, one YAML file a pipeline and one DAG file a
tenant, as ours has; only the assets of ours are missing there, and the copy DAGs of each tenant, which ours builds
besides. Its own telemetry is off. Both are read by Airflow's `DagBag`, which imports, validates and keeps the DAGs.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from airflow_datamove.scheduling.limits import Limits, limits_of
from airflow_datamove.spec.folder import read_folder
from benchmarks.contest import alone
from benchmarks.ends import DATAMOVE
from benchmarks.measure import Cost, Row, WentWrong, compared, in_turns, run_measured, say
from tests.servers.stack import clean_environment

TENANTS, PIPELINES = 200, 25
TASKS = 6
_ROUNDS = int(os.environ.get("DATAMOVE_BENCH_ROUNDS", "3"))
_DAG_FACTORY = "1.1.0"
_BAR = 5.0

_PLATFORM = """\
links:
  interconnect: {capacity: 1 GiB/s, slot: 32 MiB/s}
hadoop: {connection: cluster}
"""
_TENANT = """\
owner: data@acme.example
link: interconnect
max_slots: 8
read:  ["hdfs://onprem@/data/"]
write: ["gs://acme_gcp@acme-lake/", "abfs://acme_blob@drop/"]
"""
_PIPELINE = """\
description: Nightly {name} to the lake
schedule: "{minute} 2 * * *"
when:
  - exists: hdfs://onprem@/data/{name}/{{{{ ds }}}}/_SUCCESS
steps:
  fetch:
    copy:
      source: hdfs://onprem@/data/{name}/{{{{ ds }}}}/
      destination: gs://acme_gcp@acme-lake/{name}/{{{{ ds }}}}/
      client: billing
  keep:
    copy:
      source: hdfs://onprem@/data/{name}/{{{{ ds }}}}/
      destination: abfs://acme_blob@drop/{name}/{{{{ ds }}}}/
      client: billing
"""
_LOADER = """\
# airflow dag
from pathlib import Path

from dagfactory import load_yaml_dags

load_yaml_dags(globals(), dags_folder=str(Path(__file__).resolve().with_suffix("")))
"""


def rows(state: Path) -> list[Row]:
    """All of it; see the module."""
    home = state / "generator"
    shutil.rmtree(home, ignore_errors=True)
    many, one = _written(home / "many", TENANTS, PIPELINES), _written(home / "one", 1, 1)
    env = _environment(home)
    say("writing dag-factory's files")
    theirs = _theirs(home / "dag-factory", many)
    env_of_theirs = {**env, "PYTHONPATH": os.pathsep.join([env["PYTHONPATH"], str(_dag_factory(home))])}
    first = _child(env, home, "refresh", str(many), str(home / "stubs"))
    ours, peer = in_turns(
        _ROUNDS,
        lambda _: _parsed(env, home, home / "stubs", TASKS * TENANTS * PIPELINES),
        lambda _: _parsed(env_of_theirs, home, theirs, TASKS * TENANTS * PIPELINES),
    )
    found = [_with_bar(each) for each in compared("parse, ms per pipeline", "dag-factory", ours, peer)]
    found += _starts(env, env_of_theirs, home, one, many, theirs)
    again = [_child(env, home, "refresh", str(many), str(home / f"stubs-{i}")) for i in range(_ROUNDS - 1)]
    for what in ("first", "unchanged", "one changed"):
        found.append(alone(f"refresh of 5,000, {what}", "s", [each[what] for each in [first, *again]]))
    lint = [run_measured([str(DATAMOVE), "lint", str(many)], env, home / "lint.log").wall for _ in range(_ROUNDS)]
    found.append(alone("datamove lint of 5,000", "s", lint))
    return found


def _with_bar(each: Row) -> Row:
    from dataclasses import replace

    ratio = each.ratio or 0.0
    return replace(each, unit=f"{each.unit} / 1000", reach=round(ratio / _BAR, 3), ok=ratio >= _BAR)


def _parsed(env: dict[str, str], home: Path, folder: Path, tasks: int) -> Cost:
    found = _child(env, home, "parse", str(folder))
    if found["errors"] or found["tasks"] != tasks:
        raise WentWrong(f"{folder} gives {found['tasks']} tasks and not {tasks}: {list(found['errors'].values())[:1]}")
    count = TENANTS * PIPELINES
    return Cost(found["wall"] * 1000 / count, found["cpu"] * 1000 / count)


def _starts(
    env: dict[str, str], theirs_env: dict[str, str], home: Path, one: Path, many: Path, theirs: Path
) -> list[Row]:
    """What comes before a task's own work, ms."""
    walls: dict[str, list[float]] = {"one": [], "many": [], "theirs": []}
    for _ in range(max(_ROUNDS, 5)):
        for what, source in (("one", one), ("many", many)):
            bundles = {**env, "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / f"bundles-{what}")}
            found = _child(bundles, home, "start", str(source), "t000.p00")
            _expect(found, 1)
            walls[what].append(found["wall"] * 1000)
        found = _child(theirs_env, home, "start_of_file", str(theirs / "t000.py"), "t000.p00")
        _expect(found, PIPELINES)
        walls["theirs"].append(found["wall"] * 1000)
    one_ms, many_ms, theirs_ms = (statistics.median(walls[each]) for each in ("one", "many", "theirs"))
    return [
        Row("a task's start, 1 pipeline", "ms", round(one_ms, 2)),
        Row(
            "a task's start, 5,000 pipelines", "ms", round(many_ms, 2), "dag-factory", round(theirs_ms, 2),
            round(theirs_ms / many_ms, 3),
        ),
    ]  # fmt: skip


def _expect(found: dict[str, Any], dags: int) -> None:
    if found["errors"] or found["dags"] != dags:
        raise WentWrong(f"{found['dags']} DAGs and not {dags}: {list(found['errors'].values())[:1]}")


def _child(env: dict[str, str], home: Path, *words: str) -> dict[str, Any]:
    cost = run_measured([sys.executable, "-m", "benchmarks.generator_child", *words], env, home / "child.log")
    found: dict[str, Any] = json.loads(cost.output.rpartition("RESULT")[2])
    return found


def _environment(home: Path) -> dict[str, str]:
    root = Path(__file__).resolve().parents[1]
    ours = {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(root),
    }
    return {**clean_environment(ours), **ours}


def _written(home: Path, tenants: int, pipelines: int) -> Path:
    (home / "tenants").mkdir(parents=True)
    (home / "platform.yaml").write_text(_PLATFORM)
    for tenant in range(tenants):
        folder = home / "tenants" / f"t{tenant:03d}"
        folder.mkdir()
        (folder / "tenant.yaml").write_text(_TENANT)
        for number in range(pipelines):
            text = _PIPELINE.format(name=f"p{number:02d}", minute=number % 60)
            (folder / f"p{number:02d}.pipeline.yaml").write_text(text)
    return home


def _theirs(home: Path, ours: Path) -> Path:
    """The same pipelines as dag-factory reads them."""
    folder = read_folder(ours)
    assert folder.platform is not None
    for name, tenant in folder.tenants.items():
        (home / name).mkdir(parents=True)
        (home / f"{name}.py").write_text(_LOADER)
        limits = limits_of(name, tenant.tenant, folder.platform)
        for pipeline in tenant.pipelines:
            text = yaml.safe_dump({f"{name}.{pipeline}": _dag(name, pipeline, limits)}, sort_keys=False)
            (home / name / f"{pipeline}.yaml").write_text(text)
    return home


def _dag(tenant: str, name: str, limits: Limits) -> dict[str, Any]:
    source = f"hdfs://onprem@/data/{name}/{{{{ ds }}}}/"
    places = {"fetch": f"gs://acme_gcp@acme-lake/{name}/", "keep": f"abfs://acme_blob@drop/{name}/"}
    common = {"limits": limits.to_dict(), "lane": "normal", "priority_weight": 150, "trigger_rule": "none_failed"}
    tasks: dict[str, Any] = {
        "when_1": {
            "operator": "airflow_datamove.sensors.exists.ExistsSensor",
            "address": f"{source}_SUCCESS",
            "timeout": 86400,
            "poke_interval": 30,
            "limits": limits.to_dict(),
        }
    }
    for step, place in places.items():
        tasks[step] = {
            "operator": "airflow_datamove.operators.copy.SizeRoutedCopyOperator",
            "source": source,
            "destination": f"{place}{{{{ ds }}}}/",
            "overwrite": "if_changed",
            "mirror": False,
            "priority": 50,
            "client": "billing",
            "slots": None,
            "route": "auto",
            "hand_over": True,
            "threshold": 2**30,
            "hadoop_conn_id": "cluster",
            "pool": "interconnect.worker",
            "pool_slots": 1,
            **common,
            "dependencies": ["when_1"],
        }
        tasks[f"{step}_distcp"] = {
            "operator": "airflow_datamove.operators.distcp.DistCpOperator",
            "partial": {
                "hadoop_conn_id": "cluster",
                "queue": "",
                "properties": {},
                "pool": "interconnect.distcp",
                "pool_slots": 8,
                **common,
            },
            "expand": {"handed_over": f"{step}.output"},
            "dependencies": [step],
        }
    tasks["done"] = {
        "operator": "airflow.providers.standard.operators.empty.EmptyOperator",
        "trigger_rule": "none_failed",
        "dependencies": [task for step in places for task in (step, f"{step}_distcp")],
    }
    return {
        "description": f"Nightly {name} to the lake",
        "schedule": f"{int(name[1:]) % 60} 2 * * *",
        "catchup": False,
        "tags": [tenant, "datamove", "normal"],
        "default_args": {
            "owner": "data@acme.example",
            "retries": 5,
            "weight_rule": "absolute",
            "start_date": "2026-01-01",
        },
        "tasks": tasks,
    }


def _dag_factory(home: Path) -> Path:
    """The folder that dag-factory lies in, and nothing else: it must not get into the environment of ours."""
    root = Path(__file__).resolve().parents[1]
    folder = home / "site"
    uv = subprocess.run(
        ["bash", str(root / "requirements/uv.sh")], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), "--no-deps"]
    done = subprocess.run([*command, f"dag-factory=={_DAG_FACTORY}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WentWrong(f"dag-factory cannot be had: {done.stderr.strip()[-300:]}")
    return folder
