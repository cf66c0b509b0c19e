"""Memory: 20 GiB in one file through a window of four parts, above that of an interpreter that does nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.contest import alone
from benchmarks.ends import DATAMOVE, MIB
from benchmarks.measure import Row, WentWrong, run_measured, say
from benchmarks.null_server import serving
from tests.servers.stack import clean_environment

_SIZE = 20 * 2**30
_MOST = 256


def rows(state: Path) -> list[Row]:
    """Sends a file of zeros that takes no room, to a server that throws it away."""
    source = state / "data" / "20GiB"
    source.parent.mkdir(parents=True, exist_ok=True)
    with source.open("wb") as file:
        file.truncate(_SIZE)
    idle = run_measured([sys.executable, "-c", "import time; time.sleep(0.3)"], clean_environment(), state / "idle.log")
    residents, cpu, walls = [], [], []
    with serving() as facts:
        connection = {
            "conn_type": "wasb",
            "host": facts["blob"],
            "login": facts["account"],
            "password": facts["key"],
        }
        env = clean_environment({"AIRFLOW_CONN_BLOB": json.dumps(connection)})
        for number in range(3):
            there = f"abfs://blob@large{number}/20GiB"
            argv = [str(DATAMOVE), "copy", str(source), there, "--json", "--threads", "4"]
            cost = run_measured(argv, env, state / "datamove.log")
            if json.loads(cost.output)["bytes"] != _SIZE:
                raise WentWrong(f"it did not copy everything: {cost.output}")
            say(f"  round {number + 1}: {cost.wall:.1f} s, {cost.cpu:.1f} CPU s, {cost.resident / MIB:.0f} MiB")
            residents.append((cost.resident - idle.resident) / MIB)
            cpu.append(cost.cpu / 20)
            walls.append(cost.wall)
    source.unlink()
    work = "20 GiB in one file, four parts at a time, to a null server"
    return [
        alone(work, "MiB above idle", residents, most=_MOST),
        alone(work, "CPU s/GiB", cpu),
        alone(work, "s", walls),
    ]
