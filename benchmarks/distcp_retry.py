"""From a killed worker to its job joined again, by the operator as a retry runs it.

The worker is a process that runs the operator and waits for the job itself; it gets ``kill -9`` once the job runs. From
that moment counts what a retry is of ours: a new Python process with Airflow's task SDK and the operator imported, the
cluster found, the source measured, the job found by its tag, its lifetime set, and the deferral that hands it to a
triggerer. What Airflow adds is not in it: noticing the loss (a task process: by its exit, about 2 s; a worker:
``[scheduler] task_instance_heartbeat_timeout``, 300 s by default) and the task's ``retry_delay``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests

from benchmarks.contest import alone
from benchmarks.measure import Row, WentWrong, run_measured, say

ROUNDS = 3
_SECONDS_TO_RUN = 120.0


def retry_rows(
    hadoop: Mapping[str, Any], env: Mapping[str, str], state: Path, source: str, rounds: int = ROUNDS
) -> list[Row]:
    """Kills a worker in each round, and lets a retry join its job.

    :param source: address of some MiB in HDFS; at 1 MiB/s.
    """
    name = "from kill -9 of a worker to its job joined and handed to a triggerer"
    say(f"{name}: {rounds} rounds")
    walls, inside = [], []
    for number in range(rounds):
        wall, within = _round(hadoop, env, state, source)
        walls.append(wall)
        inside.append(within)
        say(f"  round {number + 1}: {wall:.2f} s, of which in the operator {within:.2f} s")
    return [alone(name, "s", walls), alone(f"{name}: of that in the operator", "s", inside)]


def _round(hadoop: Mapping[str, Any], env: Mapping[str, str], state: Path, source: str) -> tuple[float, float]:
    run = uuid.uuid4().hex
    words = [sys.executable, "-m", "benchmarks.distcp_retry", source, f"hdfs://onprem@/out/{run}/", run]
    with (state / "worker.log").open("wb") as log:
        worker = subprocess.Popen([*words, "1"], env=dict(env), stdout=log, stderr=log)
    try:
        application = _running(hadoop, run, worker)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        killed = time.monotonic()
        worker.wait()
    cost = run_measured([*words, "2"], env, state / "retry.log")
    wall = time.monotonic() - killed
    # The operator's log goes to stdout as well.
    said = json.loads([line for line in cost.output.splitlines() if line.startswith("{")][-1])
    apps = f"{hadoop['resourcemanager']}/ws/v1/cluster/apps"
    requests.put(f"{apps}/{application}/state", params={"user.name": "root"}, json={"state": "KILLED"}, timeout=30)
    if said["application_id"] != application or not said["joined"] or said["ended"]:
        raise WentWrong(f"the retry did not join {application} while it ran: {said}")
    return wall, float(said["seconds"])


def _running(hadoop: Mapping[str, Any], run: str, worker: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _SECONDS_TO_RUN
    while time.monotonic() < deadline and worker.poll() is None:
        answer = requests.get(f"{hadoop['resourcemanager']}/ws/v1/cluster/apps", timeout=30).json()
        for app in (answer["apps"] or {}).get("app") or []:
            if app["name"].endswith(run) and app["state"] == "RUNNING":
                return str(app["id"])
        time.sleep(0.2)
    raise WentWrong("the worker's job does not run")


def _try(source: str, destination: str, run: str, number: int) -> None:
    """One try of a task: the first waits for its job, the second hands it over and says what it did."""
    from airflow.sdk.exceptions import TaskDeferred

    from airflow_datamove.operators.distcp import DistCpOperator

    operator = DistCpOperator(
        task_id="distcp",
        source=source,
        destination=destination,
        overwrite="always",
        hadoop_conn_id="cluster",
        slot_rate="1 MiB/s",
        deferrable=number > 1,
    )
    identity = {"dag_id": "bench", "run_id": run, "task_id": "distcp", "map_index": -1}
    ti = SimpleNamespace(**identity, max_tries=3, try_number=number, xcom_push=lambda **pushed: None)
    context: Any = {"ti": ti, "task_state_store": SimpleNamespace(set=lambda *kept: None, get=lambda key: None)}
    began = time.monotonic()
    try:
        operator.execute(context)
    except TaskDeferred as handed:
        ref = (handed.kwargs or {})["ref"]
        sys.stdout.write(json.dumps({**ref, "seconds": time.monotonic() - began}) + "\n")


if __name__ == "__main__":
    _try(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
