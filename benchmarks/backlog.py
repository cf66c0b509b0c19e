"""What a backlog of 300,000 requests does to an urgent one, and what the ledger does with it; on PostgreSQL.

Twenty tenants copy files of a few bytes from disk to disk: what is measured is the way of a request, not its copying.
The empty system and the full one are the same Airflow, one after the other, twice.

- ``submission to start``: from ``submitted_at`` to ``started_at``, both by the database's clock. A cold one goes to a
  lane in which nothing runs; a follower comes while an urgent run of its lane lingers.
- CPU seconds are those of Airflow's daemons, their children and PostgreSQL.
- ``lease`` and ``search`` are asked of a database of their own, by eight processes and by one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient
from sqlalchemy import create_engine, text

from airflow_datamove.client import AirflowApi, Requests
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import Ended, Lease
from airflow_datamove.ledger.search import Query, count, search
from airflow_datamove.ledger.submit import NewRequest, submit
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.scheduling.links import pools_of
from airflow_datamove.scheduling.pools import PoolsApi
from airflow_datamove.spec.folder import read_model
from airflow_datamove.spec.platform import Platform
from benchmarks.ends import Work, make_files
from benchmarks.measure import Row, WentWrong, run_measured, say
from benchmarks.peers import Blob, rclone
from tests.servers import start
from tests.servers.process import Process, descendants
from tests.servers.record import read_record
from tests.servers.server import Facts

BACKLOG = int(os.environ.get("DATAMOVE_BENCH_BACKLOG", "300000"))
TENANTS = 20
SAMPLES = int(os.environ.get("DATAMOVE_BENCH_SAMPLES", "50"))
RUNS = int(os.environ.get("DATAMOVE_BENCH_ROUNDS", "2"))
TINY = int(os.environ.get("DATAMOVE_BENCH_TINY", "10000"))
_BATCH = 10_000
_PROCESSES = 8
_PLATFORM = """
links:
  disk: {capacity: 400 MiB/s, slot: 25 MiB/s, distcp: 50%, urgent: 35%}
"""
_TENANT = """
owner: bench@example.com
link: disk
max_lane: urgent
max_queued: 1000000
read:  ["file:///%(home)s/"]
write: ["file:///%(home)s/", "abfs://blob@bench/"]
"""


@dataclass(frozen=True)
class Bench:
    """What runs."""

    state: Path
    requests: Requests
    api: AirflowApi
    home: Path
    ledger: Ledger

    def conf(self, tenant: int, name: str, **more: Any) -> dict[str, Any]:
        """A request of a tenant."""
        return {
            "tenant": f"t{tenant:02d}",
            "source": f"file://{self.home}/in/file",
            "destination": f"file://{self.home}/out/{name}",
            **more,
        }


def rows(state: Path) -> list[Row]:
    """Everything; about half an hour."""
    found = _of_the_ledger(state)
    azurite = start("azurite", state)
    with _airflow(state, azurite) as bench:
        tiny = [*_tiny_per_cpu_second(bench), _against_rclone(bench, azurite)]
        empty: dict[str, list[float]] = {"cold": [], "follower": []}
        full: dict[str, list[float]] = {"cold": [], "follower": []}
        rates, memory = [], []
        for number in range(RUNS):
            _sample(bench, empty, f"e{number}")
            rate, more = _fill(bench, number)
            rates.append(rate)
            memory.append(more)
            _sample(bench, full, f"f{number}")
            left = count(bench.ledger, Query(states=["pending"])).get("pending", 0)
            say(f"{left} are left")
            bench.requests.cancel(state=["pending"])
            while bench.requests.cancel(lane=["bulk"])["left"]:
                pass
            time.sleep(70)
    for kind in ("cold", "follower"):
        for name, of in (("median", statistics.median), ("p95", _p95)):
            work = f"urgent, {kind}: submission to start, {name} of {len(full[kind])}"
            found.append(
                _against(work, of(full[kind]), "the empty system", of(empty[kind]), 1.25 if kind == "cold" else 0)
            )
    found.append(_most("a follower in a busy urgent lane, median", "s", statistics.median(full["follower"]), 0.3))
    found.append(_least(f"{BACKLOG} requests by the list call", "requests/s", statistics.median(rates), 3000))
    found.append(_most("the API server's memory more, after that", "MiB", max(memory), 300))
    return [*found, *tiny]


def _of_the_ledger(state: Path) -> list[Row]:
    """Lease and search, with nothing else on the machine."""
    url = start("postgres", state)["dsn"].replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS backlog WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE backlog"))
    url = f"{url.rpartition('/')[0]}/backlog"
    ledger = Ledger(url)
    upgrade(ledger)
    say(f"{BACKLOG} requests into a ledger of its own")
    for at in range(0, BACKLOG, _BATCH):
        submit(ledger, [_new(number) for number in range(at, at + _BATCH)])
    with ledger.begin() as connection:
        connection.execute(text("ANALYZE datamove_request"))
    found = []
    for bite in (1, 20):
        with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool:
            took = pool.starmap(_lease_some, [(url, number, bite) for number in range(_PROCESSES)])
        seconds = [each for part in took for each, _ in part]
        ids = [id for part in took for _, ids in part for id in ids]
        if len(ids) != len(set(ids)):
            raise WentWrong("a request was leased twice")
        found.append(
            _most(f"lease of {bite}, {_PROCESSES} at once among {BACKLOG}, p95", "ms", 1000 * _p95(seconds), 20)
        )
    took_search = []
    for number in range(100):
        query = Query(tenants=[f"t{number % TENANTS:02d}"], states=["pending"], clients=[f"c{number % 50}"])
        began = time.monotonic()
        search(ledger, query)
        took_search.append(time.monotonic() - began)
    found.append(_most("search by tenant, state and client, first page, p95", "ms", 1000 * _p95(took_search), 300))
    took_count = []
    for number in range(20):
        began = time.monotonic()
        count(ledger, Query(tenants=[f"t{number % TENANTS:02d}"]))
        took_count.append(time.monotonic() - began)
    found.append(_most("counts by state of a tenant, p95", "ms", 1000 * _p95(took_count), 300))
    ledger.close()
    return found


def _new(number: int) -> NewRequest:
    source, destination = f"file:///in/{number}", f"file:///out/{number}"
    return NewRequest(
        f"t{number % TENANTS:02d}",
        "bulk",
        source,
        destination,
        {"source": source, "destination": destination},
        priority=number * 7919 % 100,
        client=f"c{number * 104729 % 50}",
    )


def _lease_some(url: str, number: int, bite: int) -> list[tuple[float, list[str]]]:
    ledger, dice, took = Ledger(url), random.Random(number), []
    lease = Lease(ledger, "bench", f"run{number}", "copy", bite)
    lease.begin()
    for _ in range(150):
        tenant = f"t{dice.randrange(TENANTS):02d}"
        began = time.monotonic()
        taken = lease.take(tenant, "bulk", bite)
        took.append((time.monotonic() - began, [each.id for each in taken]))
        lease.finish(Ended(each.id, "done", {"bytes": 1, "route": "worker"}) for each in taken)
    ledger.close()
    return took[10:]


@contextmanager
def _airflow(state: Path, azurite: Facts) -> Iterator[Bench]:
    home = state / "backlog"
    shutil.rmtree(home, ignore_errors=True)
    (home / "in").mkdir(parents=True)
    (home / "in/file").write_bytes(b"x" * 100)
    folder = state / "backlog-tenants"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tenants").mkdir(parents=True)
    (folder / "platform.yaml").write_text(_PLATFORM)
    for number in range(TENANTS):
        (folder / f"tenants/t{number:02d}").mkdir()
        text = _TENANT % {"home": str(home).lstrip("/")}
        (folder / f"tenants/t{number:02d}/tenant.yaml").write_text(text)
    dsn = start("postgres", state)["dsn"]
    ledger = Ledger(dsn.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(ledger)
    bundle = {
        "name": "datamove",
        "classpath": "airflow_datamove.generator.bundle.TenantsBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 30},
    }
    env = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(state.resolve() / "airflow/bundles"),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW_CONN_DATAMOVE_LEDGER": dsn,
        "AIRFLOW_CONN_BLOB": json.dumps(
            {"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}}
        ),
    }
    airflow = start("airflow", state, env=env, database=dsn)
    api = AirflowApi(airflow["url"], username=airflow["username"], password=airflow["password"])
    pools = PoolsApi(api)
    pools.apply(pools.changes(pools_of(read_model(folder / "platform.yaml", "platform.yaml", Platform)[0])))
    deadline = time.monotonic() + 180
    while api.call("GET", "/api/v2/dags?dag_id_pattern=copy.urgent&limit=1")["total_entries"] < TENANTS:
        if time.monotonic() > deadline:
            raise WentWrong("Airflow does not show the copy DAGs")
        time.sleep(1)
    yield Bench(state, Requests(api), api, home, ledger)
    ledger.close()


def _sample(bench: Bench, into: dict[str, list[float]], name: str) -> None:
    """Urgent requests, a cold one and a follower each, to one tenant after the other."""
    for number in range(SAMPLES):
        for kind in ("cold", "follower"):
            conf = bench.conf(number % TENANTS, f"{name}-{kind}-{number}", lane="urgent", priority=90)
            id = bench.requests.submit(conf)["id"]
            into[kind].append(_started(bench, id))
            time.sleep(0.5)
        time.sleep(1.0)
    say(f"{name}: " + ", ".join(f"{kind} {statistics.median(into[kind][-SAMPLES:]):.2f} s" for kind in into))


def _started(bench: Bench, id: str) -> float:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = bench.requests.get(id)
        if found["started_at"] is not None:
            return float(found["started_at"] - found["submitted_at"]) / 1000
        time.sleep(0.2)
    raise WentWrong(f"request {id} was not begun for two minutes")


def _fill(bench: Bench, run: int) -> tuple[float, float]:
    """Puts the backlog in; requests/s, and MiB that the API server has grown by."""
    before = _memory(bench, "api-server")
    began = time.monotonic()
    for at in range(0, BACKLOG, _BATCH):
        batch = [bench.conf(number % TENANTS, f"b{run}-{number}", lane="bulk") for number in range(at, at + _BATCH)]
        answers = bench.requests.submit_many(batch)
        if any(each["state"] != "accepted" for each in answers):
            raise WentWrong(f"not all were accepted: {answers[0]}")
    rate = BACKLOG / (time.monotonic() - began)
    grown = (_memory(bench, "api-server") - before) / 2**20
    say(f"submitted {rate:.0f} a second; {grown:.0f} MiB more")
    return rate, grown


def _tiny_per_cpu_second(bench: Bench, many: int = 4000, native: int = 12) -> list[Row]:
    """How many tiny requests a CPU second ends: in leased runs, and with a run each."""
    began_cpu = _cpu(bench)
    bench.requests.submit_many([bench.conf(0, f"tiny-{number}", lane="normal") for number in range(many)])
    began = time.monotonic()
    while count(bench.ledger, Query(tenants=["t00"], lanes=["normal"], states=["pending", "running"])):
        time.sleep(0.5)
        if time.monotonic() - began > 600:
            raise WentWrong("the tiny ones did not end")
    ours, wall = many / (_cpu(bench) - began_cpu), many / (time.monotonic() - began)
    say(f"{wall:.0f} tiny requests a second, {ours:.1f} a CPU second")
    time.sleep(5)
    began_cpu, began = _cpu(bench), time.monotonic()
    for number in range(native):
        conf = bench.conf(1, f"native-{number}")
        del conf["tenant"]
        bench.api.call("POST", "/api/v2/dags/t01.copy.normal/dagRuns", {"logical_date": None, "conf": conf})
    while (ended := count(bench.ledger, Query(tenants=["t01"], lanes=["normal"])).get("done", 0)) < native:
        time.sleep(0.5)
        if time.monotonic() - began > 600:
            raise WentWrong(f"of the runs of their own only {ended} ended")
    time.sleep(3)
    peer = native / (_cpu(bench) - began_cpu)
    say(f"with a run each {peer:.2f} a CPU second")
    ratio = ours / peer
    leased = "tiny requests ended, leased"
    return [
        Row(leased, "per CPU s", round(ours, 2), "a run each", round(peer, 3), round(ratio, 1), 20.0, ratio >= 20),
        Row(leased, "per s", round(wall, 1)),
    ]


def _against_rclone(bench: Bench, azurite: Facts) -> Row:
    """10,000 copies of one small file each, to Azurite: as requests, from the post to the last one's end; and by
    rclone, which copies the same files in one go."""
    work = Work("10,000 files of 4 KiB", files=TINY, size=4 * 2**10)
    folder = make_files(work, bench.home)
    with BlobServiceClient.from_connection_string(azurite["connection_string"]) as service:
        service.create_container("bench")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.bin"))
    began = time.monotonic()
    for at in range(0, len(files), _BATCH):
        batch = [
            {"tenant": "t00", "lane": "normal", "source": f"file://{folder}/{each}", "client": "rclone",
             "destination": f"abfs://blob@bench/ours/{each}"}
            for each in files[at : at + _BATCH]
        ]  # fmt: skip
        bench.requests.submit_many(batch)
    while count(bench.ledger, Query(clients=["rclone"], states=["pending", "running"])):
        time.sleep(0.2)
        if time.monotonic() - began > 900:
            raise WentWrong("the requests did not end")
    ours = time.monotonic() - began
    if (ended := count(bench.ledger, Query(clients=["rclone"]))) != {"done": len(files)}:
        raise WentWrong(f"not all were copied: {ended}")
    command = rclone(folder, Blob(azurite, "bench", "rclone"), bench.state, at_once=16)
    peer = run_measured(command.argv, command.env, bench.state / "rclone.log").wall
    say(f"{len(files)} requests of a file each {ours:.1f} s, rclone {peer:.1f} s")
    name = f"{len(files)} requests of one small file each, disk to Azurite"
    return Row(name, "s", round(ours, 2), "rclone", round(peer, 2), round(peer / ours, 3), 0.5, ours <= 2 * peer)


def _processes(bench: Bench) -> Mapping[str, list[Process]]:
    found: dict[str, list[Process]] = {}
    for server in ("airflow", "postgres"):
        for name, entry in read_record(bench.state / server).entries.items():
            found[name] = [entry.process, *descendants([entry.process])]
    return found


def _cpu(bench: Bench) -> float:
    """CPU seconds so far of all daemons, their children, and those that have ended."""
    ticks = 0
    for processes in _processes(bench).values():
        for each in processes:
            try:
                fields = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(bench: Bench, daemon: str) -> float:
    total = 0
    for each in _processes(bench)[daemon]:
        try:
            rollup = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    return total


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def _most(work: str, unit: str, ours: float, most: float) -> Row:
    return Row(work, unit, round(ours, 3), reach=most, ok=ours <= most)


def _least(work: str, unit: str, ours: float, least: float) -> Row:
    return Row(work, unit, round(ours, 1), reach=least, ok=ours >= least)


def _against(work: str, ours: float, peer_name: str, peer: float, most: float) -> Row:
    ok = ours <= most * peer if most else None
    return Row(
        work,
        "s",
        round(ours, 3),
        peer_name,
        round(peer, 3),
        round(peer / ours, 3),
        round(1 / most, 3) if most else None,
        ok,
    )
