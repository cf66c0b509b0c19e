"""`make demo`: two tenants, a request by one REST call each; the worker copies the small one, DistCp on YARN the large.

Puts data into HDFS, posts the requests, shows their bytes while they are copied, prints what became of them, compares
every byte, stops the stack. Exit code 0 only if every byte is where it belongs.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob, JobRef
from airflow_datamove.distcp.yarn import job_id
from airflow_datamove.errors import DatamoveError
from airflow_datamove.quantity import format_size
from examples.quickstart.airflow_api import AirflowApi
from examples.quickstart.data import LARGE, SMALL, differences, put, remove
from examples.quickstart.failing import DemoFailed, doing, explain, interruptible, uninterruptible
from examples.quickstart.stack import Stack, up
from tests.servers import Memory, default_state, memory, stop_all

SECONDS = 600.0
MOST_MEMORY = 8 * 2**30
_ENDED = ("success", "failed")


@dataclass
class Request:
    """One request of the demo, and what is known of it."""

    name: str
    tenant: str
    lane: str
    source: str
    destination: str
    files: dict[str, int]
    wanted: str
    """The route that it shall take."""
    more: dict[str, Any]
    """The other fields of the request."""
    run_id: str = ""
    state: str = "not posted"
    doing: str = ""
    done: int = 0
    """Bytes that have arrived so far."""
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def dag_id(self) -> str:
        """The copy DAG of its tenant and lane."""
        return f"{self.tenant}.copy.{self.lane}"

    @property
    def bytes(self) -> int:
        """Bytes of the source."""
        return sum(self.files.values())

    @property
    def ended(self) -> bool:
        """Whether its run has ended."""
        return self.state in _ENDED

    def __str__(self) -> str:
        how = f" ({self.doing})" if self.doing and not self.ended else ""
        return f"{self.name}: {self.state}{how} {format_size(self.done)} of {format_size(self.bytes)}"


class Peak:
    """The most memory that the stack was seen to hold. A look costs some milliseconds, so there are few."""

    def __init__(self, state: Path, every: float = 2.0) -> None:
        self._state, self._every, self._next = state, every, 0.0
        self.memory = Memory(0, None)

    def look(self) -> None:
        """Measures, unless that was done just now."""
        if time.monotonic() >= self._next:
            self.memory = max(self.memory, memory(self._state), key=lambda seen: seen.rss)
            self._next = time.monotonic() + self._every


def requests_of_the_demo() -> list[Request]:
    """One small and one large request, of a tenant each."""
    return [
        Request(
            name="small",
            tenant="globex",
            lane="normal",
            source="hdfs://onprem@/data/globex/suppliers/",
            destination="abfs://globex_blob@globex/suppliers/",
            files=dict(SMALL),
            wanted="worker",
            more={"client": "purchasing"},
        ),
        Request(
            name="large",
            tenant="acme",
            lane="normal",
            source="hdfs://onprem@/data/acme/orders/",
            destination="gs://acme_gcp@acme-lake/orders/",
            files=dict(LARGE),
            wanted="distcp",
            # One slot instead of the tenant's eight, so that there is something to watch.
            more={"client": "billing", "slots": 1},
        ),
    ]


def demo(stack: Stack, console: Console) -> Peak:
    """Runs the requests.

    :return: the most memory that was seen.
    :raises DemoFailed: if one of them does not end well, or a byte differs.
    """
    wanted = requests_of_the_demo()
    api, peak = stack.api(), Peak(stack.state)
    for request in wanted:
        if left := api.end_unfinished(request.dag_id):
            console.print(f"ended {left} unfinished runs of {request.dag_id}", highlight=False)
    for request in wanted:
        with doing(f"while putting data into {request.source}"):
            source, destination = Address.parse(request.source), Address.parse(request.destination)
            for address in (source, destination):
                remove(address, stack.connections)
            put(source, request.files, stack.connections)
        said = f"put {len(request.files)} files, {format_size(request.bytes)}, into {request.source}"
        console.print(said, highlight=False, soft_wrap=True)
    for request in wanted:
        with doing(f"while posting the {request.name} request"):
            conf = {"source": request.source, "destination": request.destination, "priority": 50, **request.more}
            request.run_id = api.trigger(request.dag_id, conf)
        console.print(f"posted {request.name}: {request.dag_id} {request.run_id}", highlight=False)
    with doing("while waiting for the requests"):
        _wait(api, wanted, console, stack, peak)
    console.print(_table(wanted))
    for request in wanted:
        with doing(f"while comparing {request.destination}"):
            _compare(request, stack, console)
    return peak


def _wait(api: AirflowApi, wanted: list[Request], console: Console, stack: Stack, peak: Peak) -> None:
    started = said = time.monotonic()
    shown = ""
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while not all(request.ended for request in wanted):
            seconds = time.monotonic() - started
            if seconds > SECONDS:
                raise DemoFailed(f"no end after {SECONDS:.0f} s: {'; '.join(map(str, wanted))}")
            for request in wanted:
                if not request.ended:
                    _look(api, request, stack)
            peak.look()
            live.update(_bars(wanted, seconds))
            line = "   ".join(map(str, wanted))
            if not console.is_terminal and line != shown and time.monotonic() - said >= 1.0:
                console.print(f"{seconds:5.1f} s   {line}", highlight=False)
                shown, said = line, time.monotonic()
            time.sleep(0.4)
    for request in wanted:
        if request.state == "failed":
            where = stack.state / "airflow" / "home" / "logs" / f"dag_id={request.dag_id}" / f"run_id={request.run_id}"
            raise DemoFailed(f"the {request.name} request failed. Its log: {where}")
        report = api.report(request.dag_id, request.run_id)
        if report is None:
            raise DemoFailed(f"the {request.name} request left no report: {request.dag_id} {request.run_id}")
        request.report = report


def _look(api: AirflowApi, request: Request, stack: Stack) -> None:
    request.state = api.run(request.dag_id, request.run_id)["state"]
    tasks = {task["task_id"]: task["state"] for task in api.tasks(request.dag_id, request.run_id)}
    if request.state == "success":
        request.done = request.bytes
    elif tasks.get("copy") == "running":
        progress = api.progress(request.dag_id, request.run_id)
        request.doing = "the worker copies" if progress else "the worker measures"
        request.done = progress.get("bytes_done", 0)
    elif tasks.get("distcp") in ("running", "deferred"):
        _look_at_yarn(api, request, stack)


def _look_at_yarn(api: AirflowApi, request: Request, stack: Stack) -> None:
    """Asks the job's master for its counters, as the trigger does."""
    application_id = api.yarn_application(request.dag_id, request.run_id)
    if not application_id:
        request.doing = "DistCp lists"
        return
    ref = JobRef(application_id, job_id(application_id), "", schemes=("hdfs", "gs"), bytes=request.bytes)
    try:
        progress = DistCpJob(stack.connections.get("cluster"), stack.connections).poll(ref)
    except DatamoveError:
        return  # the next look may be answered
    request.doing = "DistCp has copied, verifying" if progress.finished else f"DistCp {application_id}"
    request.done = max(request.done, progress.bytes_done)


def _bars(wanted: list[Request], seconds: float) -> Table:
    grid = Table.grid(padding=(0, 2))
    for width in (5, 10, 22, None):
        grid.add_column(no_wrap=True, min_width=width)
    for request in wanted:
        total = request.bytes
        size = f"{format_size(request.done)} of {format_size(total)}"
        bar = ProgressBar(total=total, completed=request.done, width=10)
        how = request.state if request.ended or not request.doing else request.doing
        grid.add_row(request.name, bar, size, how)
    grid.add_row(f"{seconds:.0f} s")
    return grid


def _table(wanted: list[Request]) -> Table:
    table = Table("", *(request.name for request in wanted), title="What became of the requests")
    reports = [request.report for request in wanted]
    rows: dict[str, list[Any]] = {
        "tenant": [request.tenant for request in wanted],
        "lane": [request.lane for request in wanted],
        "route": [report["route"] for report in reports],
        "reason": [report["reason"] for report in reports],
        "files": [report["files"] for report in reports],
        "bytes": [format_size(report["bytes"]) for report in reports],
        # From the listing to the end of the verification; for DistCp all that starts in between is in it.
        "seconds": [f"{report['seconds']:.1f}" for report in reports],
        "MiB/s": [f"{report['bytes'] / 2**20 / max(report['seconds'], 0.1):.1f}" for report in reports],
        "verified by": [report["verified_by"] for report in reports],
    }
    for name, cells in rows.items():
        table.add_row(name, *map(str, cells))
    return table


def _compare(request: Request, stack: Stack, console: Console) -> None:
    report, files = request.report, request.files
    if (report["files"], report["bytes"]) != (len(files), request.bytes):
        raise DemoFailed(f"the report of the {request.name} request counts {report['files']} files: {report}")
    if report["route"] != request.wanted:
        went = f"went by {report['route']}, not by {request.wanted}"
        raise DemoFailed(f"the {request.name} request {went}: {report['reason']}")
    if found := differences(Address.parse(request.destination), files, stack.connections):
        raise DemoFailed("; ".join(found[:5]))
    console.print(f"every byte of the {request.name} request is the same at {request.destination}", highlight=False)


def _account(peak: Peak, console: Console) -> None:
    """Says how much memory the stack took.

    :raises DemoFailed: if it is more than a small machine has.
    """
    rss, pss = peak.memory
    shared = "" if pss is None else f", {pss / 2**30:.1f} GiB with what processes share counted once (PSS)"
    most = MOST_MEMORY / 2**30
    said = f"the stack held {rss / 2**30:.1f} GiB of memory at most (sum of RSS){shared}"
    if rss > MOST_MEMORY:
        raise DemoFailed(f"{said}; more than {most:.0f} GiB are too many")
    console.print(said, highlight=False, soft_wrap=True)


def _run(state: Path, console: Console) -> None:
    try:
        _account(demo(up(state), console), console)
    finally:
        uninterruptible()
        stop_all(state)


def main() -> int:
    """Starts the stack, runs the demo, stops the stack."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    state = default_state()
    began = time.monotonic()
    interruptible()
    try:
        _run(state, console)
    except Exception as error:
        console.print(explain(error, state), style="bold red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt as interrupt:
        console.print(f"interrupted by {interrupt}; the stack is stopped", highlight=False)
        return 1
    console.print(f"done in {time.monotonic() - began:.0f} s, from nothing running to the stack stopped again")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
