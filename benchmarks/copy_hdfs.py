"""HDFS to Azurite, 20 files of 64 MiB, beside what each of the two ends can do alone."""

from __future__ import annotations

import json
import shutil
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.contest import server_cpu
from benchmarks.copy_azure import Container
from benchmarks.ends import DATAMOVE, MIB, Blob, Work, make_files
from benchmarks.measure import Cost, Row, WentWrong, run_measured, say
from tests.conftest import hdfs_connection
from tests.servers import start, stop
from tests.servers.stack import clean_environment

WORK = Work("20 files of 64 MiB", files=20, size=64 * MIB)
_READERS = 4


def rows(state: Path) -> list[Row]:
    """Starts Hadoop and Azurite, and measures."""
    hadoop, azurite = start("hadoop", state), start("azurite", state)
    try:
        return _rows(state, hadoop, azurite)
    finally:
        stop("hadoop", state)
        stop("azurite", state)
        shutil.rmtree(state / "azurite" / "data", ignore_errors=True)


def _rows(state: Path, hadoop: Any, azurite: Any) -> list[Row]:
    data = make_files(WORK, state / "data")
    env = clean_environment(
        {
            "AIRFLOW_CONN_ONPREM": json.dumps(hdfs_connection(dict(hadoop))),
            "AIRFLOW_CONN_BLOB": json.dumps(
                {"conn_type": "wasb", "host": azurite["blob"], "login": azurite["account"], "password": azurite["key"]}
            ),
        }
    )
    _copy(f"{data}/", "hdfs://onprem@/bench/", env, state)
    read, written, both, cpu, servers = [], [], [], [], []
    for number in range(WORK.rounds):
        read.append(_read_alone(env))
        there = Blob(azurite, f"alone-{number}", "data")
        with Container(there, WORK):
            written.append(_copy(f"{data}/", f"abfs://blob@{there.container}/data/", env, state).wall)
        there = Blob(azurite, f"both-{number}", "data")
        before = server_cpu(state)
        with Container(there, WORK):
            cost = _copy("hdfs://onprem@/bench/", f"abfs://blob@{there.container}/data/", env, state)
        servers.append(server_cpu(state) - before)
        both.append(cost.wall)
        cpu.append(cost.cpu)
        say(
            f"  round {number + 1}: HDFS alone {read[-1]:.2f} s, Azurite alone {written[-1]:.2f} s,"
            f" both {both[-1]:.2f} s, {cpu[-1]:.2f} CPU s"
        )
    slower = max(statistics.median(read), statistics.median(written))
    name = f"{WORK.name} from HDFS to Azurite"
    wall, used = statistics.median(both), statistics.median(cpu) / (WORK.files * WORK.size / 2**30)
    ratio = slower / wall
    return [
        Row(
            name,
            "s",
            round(wall, 3),
            "the slower end alone",
            round(slower, 3),
            round(ratio, 3),
            round(ratio / 0.9, 3),
            ratio >= 0.9,
        ),
        Row(name, "CPU s/GiB", round(used, 3), reach=round(2.5 / used, 3), ok=used <= 2.5),
        Row(name, "server CPU s", round(statistics.median(servers), 3)),
        Row(f"{WORK.name} read from HDFS alone", "s", round(statistics.median(read), 3)),
        Row(f"{WORK.name} written to Azurite alone", "s", round(statistics.median(written), 3)),
    ]


def _copy(source: str, destination: str, env: dict[str, str], state: Path) -> Cost:
    cost = run_measured([str(DATAMOVE), "copy", source, destination, "--json"], env, state / "datamove.log")
    report = json.loads(cost.output)
    if report["files"] + report["skipped"] != WORK.files or not (report["verified_by"] or report["skipped"]):
        raise WentWrong(f"the report does not say that all was copied and verified: {report}")
    return cost


def _read_alone(env: dict[str, str]) -> float:
    """Seconds to read all files to nowhere, by the store itself."""
    from airflow_datamove.address import Address
    from airflow_datamove.stores.connection import EnvironmentConnections
    from airflow_datamove.stores.contract import Kind
    from airflow_datamove.stores.registry import open_store

    with open_store(Address.parse("hdfs://onprem@/bench/"), EnvironmentConnections(env)) as store:
        paths = iter([entry.path for entry in store.walk("/bench") if entry.kind is Kind.FILE])
        lock = threading.Lock()

        def read() -> None:
            buffer = memoryview(bytearray(MIB))
            while True:
                with lock:
                    path = next(paths, None)
                if path is None:
                    return
                with store.open(path) as reader:
                    while reader.readinto(buffer):
                        pass

        began = time.monotonic()
        threads = [threading.Thread(target=read) for _ in range(_READERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - began
