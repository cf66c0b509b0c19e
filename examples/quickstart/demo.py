"""`make demo`: two requests by one REST call each, the small copied by the worker, the large by DistCp on YARN.

Puts data into HDFS, posts the requests, shows their progress, prints what became of them, compares every byte, stops
the stack. Exit code 0 only if every byte is where it belongs.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from airflow_datamove.address import Address
from airflow_datamove.errors import DatamoveError
from airflow_datamove.quantity import format_size
from examples.quickstart.airflow_api import AirflowApi
from examples.quickstart.data import LARGE, SMALL, differences, put, remove
from examples.quickstart.stack import Stack, up
from tests.servers import NAMES, StartFailed, default_state, stop

SECONDS = 300.0


@dataclass
class Request:
    """One request of the demo, and what is known of it."""

    name: str
    tenant: str
    lane: str
    source: str
    destination: str
    files: dict[str, int]
    client: str
    run_id: str = ""
    state: str = "not posted"
    route: str = ""
    seconds: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def dag_id(self) -> str:
        """The copy DAG of its tenant and lane."""
        return f"{self.tenant}.copy.{self.lane}"


class DemoFailed(Exception):
    """What failed, and where its log is."""


def requests_of_the_demo() -> list[Request]:
    """One small and one large request."""
    return [
        Request(
            name="small",
            tenant="acme",
            lane="urgent",
            source="hdfs://onprem@/data/acme/suppliers/",
            destination="abfs://acme_blob@drop/suppliers/",
            files=dict(SMALL),
            client="purchasing",
        ),
        Request(
            name="large",
            tenant="acme",
            lane="normal",
            source="hdfs://onprem@/data/acme/orders/",
            destination="gs://acme_gcp@acme-lake/orders/",
            files=dict(LARGE),
            client="billing",
        ),
    ]


def demo(stack: Stack, console: Console) -> None:
    """Runs the requests.

    :raises DemoFailed: if one of them does not end well, or a byte differs.
    """
    wanted = requests_of_the_demo()
    api = stack.api()
    for request in wanted:
        if left := api.end_unfinished(request.dag_id):
            console.print(f"ended {left} unfinished runs of {request.dag_id}", highlight=False)
    for request in wanted:
        source, destination = Address.parse(request.source), Address.parse(request.destination)
        for address in (source, destination):
            remove(address, stack.connections)
        put(source, request.files, stack.connections)
        total = format_size(sum(request.files.values()))
        console.print(f"put {len(request.files)} files, {total}, into {request.source}", highlight=False)
    for request in wanted:
        request.run_id = api.trigger(
            request.dag_id,
            {"source": request.source, "destination": request.destination, "priority": 50, "client": request.client},
        )
        console.print(f"posted {request.name}: {request.dag_id} {request.run_id}", highlight=False)
    _wait(api, wanted, console, stack)
    console.print(_table(wanted))
    for request in wanted:
        _compare(request, stack, console)


def _wait(api: AirflowApi, wanted: list[Request], console: Console, stack: Stack) -> None:
    started = time.monotonic()
    shown = ""
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while any(request.state not in ("success", "failed") for request in wanted):
            if time.monotonic() - started > SECONDS:
                raise DemoFailed(f"no end after {SECONDS:.0f} s. Logs: {stack.state / 'logs'}")
            for request in wanted:
                if request.state not in ("success", "failed"):
                    _look(api, request, stack, time.monotonic() - started)
            line = "   ".join(f"{each.name}: {each.state} {each.route}".rstrip() for each in wanted)
            live.update(Text(f"{time.monotonic() - started:5.1f} s   {line}"))
            if not console.is_terminal and line != shown:
                console.print(f"{time.monotonic() - started:5.1f} s   {line}", highlight=False)
            shown = line
            time.sleep(0.5)
    for request in wanted:
        if request.state == "failed":
            where = stack.state / "airflow" / "home" / "logs" / f"dag_id={request.dag_id}" / f"run_id={request.run_id}"
            raise DemoFailed(f"the {request.name} request failed. Its log: {where}")
        report = api.report(request.dag_id, request.run_id)
        if report is None:
            raise DemoFailed(f"the {request.name} request left no report: {request.dag_id} {request.run_id}")
        request.report = report


def _look(api: AirflowApi, request: Request, stack: Stack, seconds: float) -> None:
    request.state = api.run(request.dag_id, request.run_id)["state"]
    request.seconds = seconds
    tasks = {task["task_id"]: task["state"] for task in api.tasks(request.dag_id, request.run_id)}
    if tasks.get("copy") == "running":
        request.route = "(worker)"
    elif tasks.get("distcp") in ("running", "deferred"):
        request.route = f"(distcp {tasks['distcp']}{_yarn(stack)})"


def _yarn(stack: Stack) -> str:
    try:
        answer = requests.get(f"{stack.resource_manager}/ws/v1/cluster/apps?states=ACCEPTED,RUNNING", timeout=5).json()
    except requests.RequestException:
        return ""
    running = (answer.get("apps") or {}).get("app") or []
    return "".join(f", {app['id']} {app['state']} {app['progress']:.0f}%" for app in running[:1])


def _table(wanted: list[Request]) -> Table:
    table = Table(title="What became of the requests")
    for column in ("request", "tenant", "lane", "route", "reason"):
        table.add_column(column, overflow="fold")
    for column in ("files", "bytes", "seconds", "MiB/s"):
        table.add_column(column, justify="right")
    table.add_column("verified by", overflow="fold")
    for request in wanted:
        report = request.report
        table.add_row(
            request.name,
            request.tenant,
            request.lane,
            report["route"],
            report["reason"],
            str(report["files"]),
            format_size(report["bytes"]),
            f"{report['seconds']:.1f}",
            f"{report['bytes'] / 2**20 / report['seconds']:.1f}" if report["seconds"] else "",
            report["verified_by"],
        )
    return table


def _compare(request: Request, stack: Stack, console: Console) -> None:
    report, files = request.report, request.files
    if (report["files"], report["bytes"]) != (len(files), sum(files.values())):
        raise DemoFailed(f"the report of the {request.name} request counts {report['files']} files: {report}")
    wanted = "worker" if request.name == "small" else "distcp"
    if report["route"] != wanted:
        raise DemoFailed(f"the {request.name} request went by {report['route']}, not by {wanted}: {report['reason']}")
    if found := differences(Address.parse(request.destination), files, stack.connections):
        raise DemoFailed("; ".join(found[:5]))
    console.print(f"every byte of the {request.name} request is the same at {request.destination}", highlight=False)


def main() -> int:
    """Starts the stack, runs the demo, stops the stack."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    state: Path = default_state()
    began = time.monotonic()
    try:
        demo(up(state), console)
    except (StartFailed, DemoFailed, DatamoveError, requests.RequestException) as error:
        console.print(f"failed: {error}", style="bold red", markup=False, highlight=False)
        console.print(f"logs: {state / 'logs'}", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 1
    finally:
        for name in reversed(NAMES):
            stop(name, state)
    console.print(f"done in {time.monotonic() - began:.0f} s; the stack is stopped")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
