"""The cap: 25 MiB/s over real sockets, counted by a proxy, in every window of ten seconds; also after a stall of the
server and a change of the rate.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.throttle import Throttle
from benchmarks.ends import MIB
from benchmarks.measure import Row, say
from benchmarks.null_server import serving
from tests.faults.proxy import Way, proxying

RATE = 25 * MIB
_WINDOW = 10.0
_SETTLE = 2.0
"""Seconds after a change that do not count."""


def rows(state: Path) -> list[Row]:
    """Copies a large file and many smaller ones, up and down."""
    found: list[Row] = []
    for name, files, size in (("one large file", 1, 4 * 2**30), ("files of 1 MiB", 4000, MIB)):
        with serving(files=files, size=size) as facts:
            port = int(facts["url"].rpartition(":")[2].partition("/")[0])
            folder = state / "cap"
            _sparse(folder / "source", files, size)
            for way in (Way.UP, Way.DOWN):
                least, most = _measure(port, facts, folder, way)
                say(f"  {name}, {way.name.lower()}: {least:+.2%} to {most:+.2%}")
                work = f"25 MiB/s, {name}, {way.name.lower()}, with a stall and a change: every 10 s"
                found.append(Row(work, "% above", round(most * 100, 2), ok=most <= 0.02))
                found.append(Row(work, "% below", round(-least * 100, 2), ok=least >= -0.05))
    return found


def _measure(port: int, facts: object, folder: Path, way: Way) -> tuple[float, float]:
    """How far the windows of ten seconds are from the rate: the lowest and the highest, as shares of it."""
    assert isinstance(facts, dict)
    throttle, cancelled = Throttle(RATE), threading.Event()
    with proxying(port) as proxy:
        connection = {
            "conn_type": "wasb",
            "host": facts["blob"].replace(f":{port}", f":{proxy.port}"),
            "login": facts["account"],
            "password": facts["key"],
        }
        connections = EnvironmentConnections({"AIRFLOW_CONN_BLOB": json.dumps(connection)})
        if way is Way.UP:
            source, destination = f"file://{folder}/source/", f"abfs://blob@cap{time.monotonic_ns()}/data/"
        else:
            source, destination = "abfs://blob@source/data/", f"file://{folder}/down-{os.getpid()}/"
        thread = threading.Thread(
            target=_copy, args=(source, destination, connections, throttle, cancelled), daemon=True
        )
        thread.start()
        steady: list[tuple[float, float, int]] = []
        time.sleep(_SETTLE)
        steady.append((time.monotonic(), time.monotonic() + 30, RATE))
        time.sleep(30)
        proxy.hang = True
        time.sleep(3)
        proxy.hang = False
        began = time.monotonic() + _SETTLE
        time.sleep(_SETTLE + 15)
        steady.append((began, time.monotonic(), RATE))
        throttle.rate = RATE // 2
        began = time.monotonic() + _SETTLE
        time.sleep(_SETTLE + 15)
        steady.append((began, time.monotonic(), RATE // 2))
        timeline = list(proxy.timelines[way])
        cancelled.set()
        thread.join()
    found: list[float] = []
    for start, end, rate in steady:
        at = start
        while at + _WINDOW <= end:
            passed = sum(count for when, count in timeline if at <= when < at + _WINDOW)
            found.append(passed / (rate * _WINDOW) - 1)
            at += 0.5
    return min(found), max(found)


def _copy(
    source: str, destination: str, connections: EnvironmentConnections, throttle: Throttle, cancelled: threading.Event
) -> None:
    from airflow_datamove.errors import Cancelled

    try:
        copy(
            Address.parse(source),
            Address.parse(destination),
            connections,
            CopyOptions(create=destination.startswith("abfs")),
            throttle=throttle,
            cancelled=cancelled,
        )
    except Cancelled:
        return


def _sparse(folder: Path, files: int, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number in range(files):
        with (folder / f"{number:05}").open("wb") as file:
            file.truncate(size)
