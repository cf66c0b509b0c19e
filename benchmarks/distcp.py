"""A request by DistCp beside DistCp itself: from end to end, to the job's submission, and in the planner; then what
waiting for many jobs costs the resource manager, and how soon a retry has joined its job.

Both sides run with the same maps, bandwidth and properties, which come from one place (:func:`_options`). What differs
is what is compared: DistCp lists the source itself; we compare source and destination, write a list, see to it that
there is one job of a tag, and in the end verify what has arrived. A plain `hadoop distcp` does none of this.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_datamove.distcp.plan import Judge, Settings
from benchmarks.contest import alone
from benchmarks.distcp_retry import retry_rows
from benchmarks.distcp_tracking import tracking_rows
from benchmarks.ends import DATAMOVE, KIB, MIB, Work, make_files
from benchmarks.measure import Cost, Row, WentWrong, run_measured, say
from tests.conftest import hdfs_connection
from tests.servers import start, stop
from tests.servers.stack import clean_environment

SMALL = Work("20 files of 1 MiB", files=20, size=MIB)
MANY = Work("5,000 files of 1 KiB", files=5_000, size=KIB)
TREE = Work("100,000 empty files, 1,000 to a directory,", files=100_000, size=0)
MAPS, BANDWIDTH = 4, 100 * MIB
ROUNDS = 3
PLANNED = 1_000_000


def rows(state: Path) -> list[Row]:
    """Starts Hadoop, and measures."""
    hadoop = start("hadoop", state)
    env = clean_environment(
        {
            "AIRFLOW_CONN_ONPREM": json.dumps(hdfs_connection(dict(hadoop))),
            "AIRFLOW_CONN_CLUSTER": json.dumps(_cluster(hadoop)),
        }
    )
    try:
        for work in (SMALL, MANY):
            source = make_files(work, state / "data")
            run_measured([str(DATAMOVE), "copy", f"{source}/", _at(work)], env, state / "datamove.log")
        _make_tree(hadoop, env, state)
        return [
            *_whole(hadoop, env, state),
            *_until_submitted(TREE, hadoop, env, state),
            *_until_submitted(MANY, hadoop, env, state),
            *_planner(env, state),
            *retry_rows(hadoop, env, state, _at(SMALL)),
            *tracking_rows(hadoop, env, state),
        ]
    finally:
        stop("hadoop", state)


def _whole(hadoop: Any, env: dict[str, str], state: Path) -> list[Row]:
    """From the request to the report, beside the same job by Hadoop's own command."""
    name = f"{SMALL.name} from HDFS to HDFS by DistCp, from the request to the report"

    def ours() -> Cost:
        words = [sys.executable, "-m", "benchmarks.distcp", "whole", _at(SMALL), _target()]
        cost = run_measured(words, env, state / "datamove.log")
        report = json.loads(cost.output)
        if (report["files"], report["route"], report["details"]["maps_at_once"]) != (SMALL.files, "distcp", MAPS):
            raise WentWrong(f"the report does not say that DistCp copied all, by {MAPS} maps: {report}")
        return cost

    def theirs() -> Cost:
        return run_measured(_plain(hadoop, SMALL, at_once=False), env, state / "distcp.log")

    our, their = _in_turns(name, ours, theirs)
    more = statistics.median(our) - statistics.median(their)
    return [
        _compared(name, our, their, None),
        Row(
            f"{name}: more than DistCp itself", "s", round(more, 3), reach=round(3 / max(more, 0.001), 3), ok=more <= 3
        ),
    ]


def _until_submitted(work: Work, hadoop: Any, env: dict[str, str], state: Path) -> list[Row]:
    """From the request to the job's existence."""
    name = f"{work.name} in HDFS, from the request to the job's submission"

    def ours() -> Cost:
        words = [sys.executable, "-m", "benchmarks.distcp", "submit", _at(work), _target()]
        return _alone_on(hadoop, run_measured(words, env, state / "submit.log"))

    def theirs() -> Cost:
        return _alone_on(hadoop, run_measured(_plain(hadoop, work, at_once=True), env, state / "distcp.log"))

    our, their = _in_turns(name, ours, theirs)
    return [_compared(name, our, their, 1.0)]


def _alone_on(hadoop: Any, cost: Cost) -> Cost:
    """Ends what was submitted, so that the next one finds the cluster as this one did."""
    apps = f"{hadoop['resourcemanager']}/ws/v1/cluster/apps"
    who = {"user.name": "root"}
    live = {"states": "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"}
    while found := (requests.get(apps, params=live, timeout=10).json()["apps"] or {}).get("app"):
        for app in found:
            requests.put(f"{apps}/{app['id']}/state", params=who, json={"state": "KILLED"}, timeout=10)
        time.sleep(0.5)
    time.sleep(2)
    return cost


def _planner(env: dict[str, str], state: Path) -> list[Row]:
    """The plan and the list for a million files, of a local disk."""
    top = state / "planned"
    try:
        for number in range(PLANNED):
            if number % 1000 == 0:
                folder = top / f"{number // 1000:04}"
                folder.mkdir(parents=True)
            os.close(os.open(folder / f"{number:07}.dat", os.O_WRONLY | os.O_CREAT))
        words = [sys.executable, "-m", "benchmarks.distcp", "plan", f"file://{top}/"]
        costs = [run_measured(words, env, state / "plan.log") for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(top, ignore_errors=True)
    name = "1,000,000 files compared, planned, and the list for DistCp written"
    return [
        alone(name, "s", [cost.wall for cost in costs]),
        alone(name, "CPU s", [cost.cpu for cost in costs]),
        alone(name, "MiB resident", [cost.resident / MIB for cost in costs], most=512),
    ]


def _in_turns(name: str, ours: Callable[[], Cost], theirs: Callable[[], Cost]) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    say(f"{name}: {ROUNDS} rounds")
    for number in range(ROUNDS):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            found[index].append((ours, theirs)[index]().wall)
            say(f"  round {number + 1}, {('datamove', 'hadoop distcp')[index]}: {found[index][-1]:.2f} s")
    return found


def _compared(name: str, ours: list[float], theirs: list[float], bar: float | None) -> Row:
    our, their = statistics.median(ours), statistics.median(theirs)
    ratio = round(their / our, 3)
    reach = None if bar is None else round(ratio / bar, 3)
    ok = None if bar is None else ratio >= bar
    return Row(name, "s", round(our, 3), "hadoop distcp", round(their, 3), ratio, reach, ok)


def _plain(hadoop: Any, work: Work, *, at_once: bool) -> list[str]:
    """Hadoop's own command.

    :param at_once: it ends with the submission (``-async``), and not with the job.
    """
    top = hadoop["namenode"]
    ends = (f"{top}{urlsplit(_at(work)).path}", f"{top}/out/{uuid.uuid4().hex}/")
    options = [each for each in _options(*ends) if each != "-async" or at_once]
    return [hadoop["command"], "distcp", *options, *ends]


def _options(source: str, target: str) -> tuple[str, ...]:
    """DistCp's options, as a request's are made; those of our list are no part of them."""
    name = f"bench-{uuid.uuid4().hex}"
    return Settings(source, target, name, name, MAPS, BANDWIDTH, Judge.MAP).options({})


def _make_tree(hadoop: Any, env: dict[str, str], state: Path) -> None:
    """Makes the files of :data:`TREE` by Hadoop's own benchmark of name nodes, in a minute or two, as no copy does."""
    words = ["org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark", "-fs", hadoop["namenode"], "-op", "create"]
    words += ["-threads", "64", "-files", str(TREE.files), "-filesPerDir", "1000", "-close", "-keepResults"]
    where = urlsplit(_at(TREE)).path.rstrip("/")
    run_measured([hadoop["command"], *words, "-baseDirName", where], env, state / "tree.log")
    # It leaves the name node in safe mode.
    leave = ["org.apache.hadoop.hdfs.tools.DFSAdmin", "-fs", hadoop["namenode"], "-safemode", "leave"]
    run_measured([hadoop["command"], *leave], env, state / "tree.log")
    counted = f"{hadoop['webhdfs']}/webhdfs/v1{where}"
    found = requests.get(counted, params={"op": "GETCONTENTSUMMARY", "user.name": "root"}, timeout=60).json()
    if (files := found["ContentSummary"]["fileCount"]) != TREE.files:
        raise WentWrong(f"{where} holds {files} files, and not {TREE.files}")


def _at(work: Work) -> str:
    return f"hdfs://onprem@/bench/{work.files}/"


def _target() -> str:
    return f"hdfs://onprem@/out/{uuid.uuid4().hex}/"


def _cluster(hadoop: Any) -> dict[str, object]:
    return {
        "conn_type": "hadoop",
        "login": "root",
        "extra": {
            "command": hadoop["command"],
            "conf_dir": hadoop["conf_dir"],
            "resource_manager": hadoop["resourcemanager"],
            "history_server": hadoop["history"],
        },
    }


def _one(what: str, address: str, target: str = "") -> None:
    """What is measured as a process of its own."""
    from airflow_datamove.address import Address
    from airflow_datamove.distcp.job import DistCpJob, DistCpRequest, run_to_end
    from airflow_datamove.distcp.prepare import prepare
    from airflow_datamove.stores.connection import EnvironmentConnections
    from airflow_datamove.transfer.options import CopyOptions

    connections = EnvironmentConnections()
    tag = f"bench-{uuid.uuid4().hex}"
    if what == "plan":
        there = Address.parse("file:///tmp/nothing-is-written-there/")
        request = DistCpRequest(Address.parse(address), there, CopyOptions(), tag, "bench", MAPS, BANDWIDTH)
        prepared = prepare(request, connections, allow_local=True)
        assert prepared.files == PLANNED
        prepared.close()
        sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")
        return
    ends = Address.parse(address), Address.parse(target)
    if what == "whole":
        report = run_to_end(*ends, connections, hadoop="cluster", maps=MAPS, bandwidth=BANDWIDTH)
        sys.stdout.write(f"{json.dumps(report.to_dict())}\n")
        return
    job = DistCpJob(connections.get("cluster"), connections)
    ref = job.submit(DistCpRequest(*ends, CopyOptions(), tag, "bench", MAPS, BANDWIDTH))
    assert ref.application_id


if __name__ == "__main__":
    _one(*sys.argv[1:])
