"""What a request costs besides its copying, through the real system: REST, scheduler, task, report, end of the run.

A small one is copied by the worker, one by DistCp. The cost is the time from the POST to the end of the run less the
copying, and what counts as copying is said in each row:

- the report's ``seconds``: for a worker the copy; for DistCp all from its listing to the end of the verification, the
  Hadoop client's and the application master's start included;
- for DistCp also the maps alone, from the first one's start to the last one's end, as the JobHistory server tells. What
  is left is then the whole price of the request, of which a larger copy would pay no more.

The first is measured twice: by who waits here, looking every 0.1 s, and by the run's own dates.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Kind
from airflow_datamove.stores.registry import open_store
from benchmarks.measure import WALL, Row, WentWrong, row, say
from examples.quickstart.airflow_api import AirflowApi
from examples.quickstart.data import MIB, put, remove
from examples.quickstart.stack import Stack, up

_LOOK_EVERY = 0.1
_SECONDS = 300.0


@dataclass(frozen=True)
class Posted:
    """Requests of one kind, and how often it is posted after one that only warms up."""

    name: str
    dag_id: str
    route: str
    source: str
    destination: str
    files: Mapping[str, int]
    rounds: int


@dataclass(frozen=True)
class Took:
    """Seconds of one request."""

    waited: float
    """From the POST to the answer that it has ended."""
    dated: float
    """From the run's ``queued_at`` to its ``end_date``."""
    starting: float
    """From ``queued_at`` to the start of the first task."""
    reported: float
    """The report's own."""
    maps: float
    """From the start of the first map to the end of the last one; 0 where a worker copied."""


SMALL = Posted(
    name="3 small files, HDFS to Azure, by the worker",
    dag_id="acme.copy.urgent",
    route="worker",
    source="hdfs://onprem@/data/acme/bench/small/",
    destination="abfs://acme_blob@drop/bench/small",
    files={"a.csv": 1_000, "b/c.csv": 20_000, "d.json": 300_000},
    rounds=7,
)
LARGE = Posted(
    name="8 MiB, HDFS to Cloud Storage, by DistCp",
    dag_id="acme.copy.normal",
    route="distcp",
    source="hdfs://onprem@/data/acme/bench/large/",
    destination="gs://acme_gcp@acme-lake/bench/large",
    files={f"part-{number}.parquet": 2 * MIB for number in range(4)},
    rounds=3,
)


def rows(state: Path) -> list[Row]:
    """Starts the quickstart's stack and posts requests of both kinds."""
    stack = up(state)
    found = []
    for kind in (SMALL, LARGE):
        say(f"{kind.name}: {kind.rounds} requests after one that warms up")
        source = Address.parse(kind.source)
        remove(source, stack.connections)
        put(source, kind.files, stack.connections)
        took = [_ask(kind, stack, f"{kind.destination}-{time.time_ns()}/") for _ in range(kind.rounds + 1)][1:]
        found += [
            _row(kind, "POST to done, less the report's seconds", [each.waited - each.reported for each in took]),
            _row(
                kind, "queued to ended by its dates, less the report's", [each.dated - each.reported for each in took]
            ),
            _row(kind, "queued to the start of the first task", [each.starting for each in took]),
            _row(kind, "the report's seconds", [each.reported for each in took]),
        ]
        if kind.route == "distcp":
            found += [
                _row(kind, "POST to done, less the maps' own time", [each.waited - each.maps for each in took]),
                _row(kind, "the maps' own time", [each.maps for each in took]),
            ]
    return found


def _row(kind: Posted, what: str, seconds: list[float]) -> Row:
    return row(f"{kind.name}: {what}", WALL, seconds)


def _ask(kind: Posted, stack: Stack, destination: str) -> Took:
    """Posts one request, waits for its end, and makes sure that all of it arrived."""
    api = stack.api()
    conf = {"source": kind.source, "destination": destination, "route": kind.route, "client": "benchmark"}
    began = time.monotonic()
    run_id = api.trigger(kind.dag_id, conf)
    run = _wait(api, kind.dag_id, run_id)
    waited = time.monotonic() - began
    report = api.report(kind.dag_id, run_id)
    if run["state"] != "success" or report is None or report["route"] != kind.route:
        raise WentWrong(f"{kind.dag_id} {run_id}: {run['state']}, report {report}")
    _check(kind, Address.parse(destination), stack)
    dated = _seconds(run["queued_at"], run["end_date"])
    (first,) = (each for each in api.tasks(kind.dag_id, run_id) if each["task_id"] == "copy")
    maps = _maps(stack, report["details"]["job_id"]) if kind.route == "distcp" else 0.0
    took = Took(waited, dated, _seconds(run["queued_at"], first["start_date"]), report["seconds"], maps)
    say(f"  {waited:.2f} s here, {dated:.2f} s by its dates; the report's {took.reported:.2f} s, maps {maps:.2f} s")
    return took


def _maps(stack: Stack, job_id: str) -> float:
    """Seconds from the start of a job's first map to the end of its last one."""
    server = stack.connections.get("cluster").option("history_server")
    answer = requests.get(f"{server}/ws/v1/history/mapreduce/jobs/{job_id}/tasks?type=m", timeout=30)
    answer.raise_for_status()
    tasks = answer.json()["tasks"]["task"]
    return float(max(task["finishTime"] for task in tasks) - min(task["startTime"] for task in tasks)) / 1000


def _wait(api: AirflowApi, dag_id: str, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        run = api.run(dag_id, run_id)
        if run["state"] in ("success", "failed"):
            return run
        time.sleep(_LOOK_EVERY)
    raise WentWrong(f"{dag_id} {run_id}: no end after {_SECONDS:.0f} s")


def _check(kind: Posted, destination: Address, stack: Stack) -> None:
    root = destination.path.rstrip("/")
    with open_store(destination, stack.connections) as store:
        there = {each.path.removeprefix(f"{root}/"): each.size for each in store.walk(root) if each.kind is Kind.FILE}
    if there != dict(kind.files):
        raise WentWrong(f"{destination} holds {there}, not {dict(kind.files)}")
    remove(destination, stack.connections)


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
