"""What a resource manager is asked while one triggerer waits for two hundred jobs: real triggers in one event loop, a
real resource manager, and between them a proxy that counts.

The applications are submitted by YARN's REST while no NodeManager runs: they wait as ACCEPTED and cost nothing. A job
that runs is asked for its counters too, through the resource manager's proxy; so that these questions are asked and
counted as well, the proxy of ours writes RUNNING where the resource manager says ACCEPTED. It answers them by a
redirect, as for a master that is not up yet.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from benchmarks.contest import alone, cpu_of
from benchmarks.measure import Row, run_measured, say
from tests.servers import status, stop

JOBS = 200
SECONDS = 120.0
MOST = 1.0
"""Requests for each job in ten seconds."""
_WINDOW = 10.0
_WHO = {"user.name": "root"}


def tracking_rows(
    hadoop: Mapping[str, Any], env: Mapping[str, str], state: Path, jobs: int = JOBS, seconds: float = SECONDS
) -> list[Row]:
    """Waits for so many jobs for so long, and counts.

    :param hadoop: the facts of a cluster that runs.
    """
    manager = str(hadoop["resourcemanager"])
    apps = f"{manager}/ws/v1/cluster/apps"
    stop("hadoop", state, "nodemanager")
    applications = [_submit(apps) for _ in range(jobs)]
    rows: list[Row] = []
    try:
        for running in (False, True):
            rows += _counted(manager, env, state, applications, seconds, running=running)
    finally:
        for each in applications:
            requests.put(
                f"{manager}/ws/v1/cluster/apps/{each}/state", params=_WHO, json={"state": "KILLED"}, timeout=30
            )
    return rows


def _counted(
    manager: str, env: Mapping[str, str], state: Path, applications: list[str], seconds: float, *, running: bool
) -> list[Row]:
    jobs = len(applications)
    name = f"{jobs} jobs that {'run' if running else 'wait for YARN'}, followed for {seconds:.0f} s by one triggerer"
    say(name)
    process = next(row.pid for row in status(state) if row.daemon == "resourcemanager")
    with _Counting.before(manager, running=running) as proxy:
        cluster = {"conn_type": "hadoop", "login": "root", "extra": {"command": "true", "resource_manager": proxy.url}}
        asked = {**env, "AIRFLOW_CONN_TRACKED": json.dumps(cluster)}
        listed = state / "applications.json"
        listed.write_text(json.dumps(applications), encoding="utf-8")
        before = cpu_of(process)
        words = [sys.executable, "-m", "benchmarks.distcp_tracking", str(listed), str(seconds)]
        run_measured(words, asked, state / "tracking.log")
        cpu = cpu_of(process) - before
        moments = sorted(proxy.moments)
    began = moments[0]
    windows = [sum(start <= each < start + _WINDOW for each in moments) for start in moments]
    mean = len(moments) / jobs / (max(seconds, moments[-1] - began) / _WINDOW)
    return [
        alone(f"{name}: requests for each job in 10 s", "requests", [mean], most=MOST),
        alone(f"{name}: the same in the worst 10 s", "requests", [max(windows) / jobs], most=MOST),
        alone(f"{name}: the resource manager's CPU in 10 s", "CPU s", [cpu / seconds * _WINDOW]),
    ]


def _submit(apps: str) -> str:
    """An application that waits for a node."""
    application = requests.post(f"{apps}/new-application", params=_WHO, timeout=30).json()["application-id"]
    body = {
        "application-id": application,
        "application-name": "tracked",
        "application-type": "MAPREDUCE",
        "application-tags": {"tag": [_tag(application)]},
        "am-container-spec": {"commands": {"command": "true"}},
        "resource": {"memory": 512, "vCores": 1},
    }
    requests.post(apps, params=_WHO, json=body, timeout=30).raise_for_status()
    return str(application)


def _tag(application: str) -> str:
    # As long as those of our tasks are.
    return f"datamove-{uuid.uuid5(uuid.NAMESPACE_URL, application).hex}"


class _Counting:
    """A resource manager's REST, with the moment of each request."""

    def __init__(self, server: ThreadingHTTPServer, moments: list[float]) -> None:
        self.url, self.moments = f"http://127.0.0.1:{server.server_address[1]}", moments

    @classmethod
    @contextmanager
    def before(cls, manager: str, *, running: bool) -> Iterator[_Counting]:
        """Passes everything on.

        :param running: write RUNNING for ACCEPTED.
        """
        moments: list[float] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                moments.append(time.monotonic())
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = requests.request(
                    self.command, f"{manager}{self.path}", data=body, headers=headers, timeout=30, allow_redirects=False
                )
                content = answer.content
                if running:
                    content = content.replace(b'"state":"ACCEPTED"', b'"state":"RUNNING"')
                self.send_response(answer.status_code)
                for name in ("Content-Type", "Location"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = _pass  # noqa: N815 - as the base class wants them

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield cls(server, moments)
        finally:
            server.shutdown()
            server.server_close()


async def _follow(applications: list[str], seconds: float) -> None:
    """A triggerer's event loop with a trigger for each application."""
    from airflow_datamove.distcp.progress import JobRef
    from airflow_datamove.distcp.yarn import job_id
    from airflow_datamove.triggers.distcp import DistCpTrigger

    async def wait(application: str) -> None:
        ref = JobRef(application, job_id(application), _tag(application), time.time(), ("hdfs", "hdfs"))
        async for event in DistCpTrigger(hadoop_conn_id="tracked", ref=ref.to_dict()).run():
            raise AssertionError(f"{application} ended: {event}")

    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(wait(each) for each in applications)), seconds)


if __name__ == "__main__":
    asyncio.run(_follow(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), float(sys.argv[2])))
