"""DistCp requests in a real Airflow on a real YARN, of which something is killed (``kill -9``) at random moments:
`python -m tests.distcp.kill_rounds 100`.

Each round starts requests where fewer than two are on their way, waits for a moment of chance, kills one of what they
need, and starts it again. Tasks are killed as they begin, while they hand a job over, and, of a DAG whose task waits
for its job itself, while the job runs: so that a retry has something to join. At the end every request must have ended
well, with the same bytes at the destination, and exactly one of its YARN applications may have run to the end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.distcp.kill_stack import KillStack
from tests.servers.process import Process, descendants, find_process
from tests.system.driver import wait_for

T = TypeVar("T")

MIB = 2**20
AT_ONCE = 2
DEFERS, WAITS = "durable", "durable_waiting"
"""The DAGs: the task of one gives its worker back while the job runs."""
SIZES = {DEFERS: (3 * MIB, 12 * MIB), WAITS: (12 * MIB, 40 * MIB)}
"""Bytes of a request; at 1 MiB/s. A task's loss is noticed within 2 s, its supervisor's within 35."""
LATEST = 15.0
"""Seconds after which the next is killed."""
SECONDS_TO_APPEAR = 60.0
SECONDS_TO_RECOVER = 420.0


@dataclass
class Outcome:
    """What came of some rounds."""

    killed: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    """Rounds in which the victim that was drawn did not run."""
    requests: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    tries: int = 0
    applications: int = 0
    submitted: int = 0
    """Tries that submitted a job."""
    joined: int = 0
    """Tries that joined a job of an earlier try while it ran."""
    taken: int = 0
    """Tries that took the result of a job that an earlier try had submitted and that had ended well."""

    def sound(self) -> bool:
        """True if nothing was lost, doubled or different."""
        return not (self.lost or self.doubled or self.different)


@dataclass
class _Request:
    name: str
    dag_id: str
    files: Mapping[str, bytes]

    @property
    def run_id(self) -> str:
        """The run's id, which is given to Airflow, so that asking twice makes one run."""
        return self.name


class Rounds:
    """The requests of a stack, and what is done to it."""

    def __init__(self, stack: KillStack, seed: int) -> None:
        self.stack, self.dice, self.outcome = stack, random.Random(seed), Outcome()
        self._open: list[_Request] = []
        self._all: list[_Request] = []
        self._victims: Mapping[str, Callable[[], bool]] = {
            "triggerer": lambda: self._kill_daemon("airflow", "triggerer"),
            "scheduler": lambda: self._kill_daemon("airflow", "scheduler"),
            "resourcemanager": lambda: self._kill_daemon("hadoop", "resourcemanager"),
            "nodemanager": lambda: self._kill_daemon("hadoop", "nodemanager"),
            "task": self._kill_task,
            "client": self._kill_client,
            "task that hands over": self._kill_handing_over,
            "task that waits": self._kill_waiting,
        }
        self._next: list[str] = []

    def run(self, count: int) -> Outcome:
        """Kills so many times, waits for the end of all requests, and looks."""
        for number in range(count):
            self._refill()
            time.sleep(self.dice.uniform(0, LATEST))
            victim = self._draw()
            hit = self._victims[victim]()
            if hit:
                self.outcome.killed[victim] += 1
            else:
                self.outcome.missed += 1
            print(f"{number + 1}: {victim}{'' if hit else ' (none runs)'}", flush=True)
        for request in self._all:
            self._judge(request)
        return self.outcome

    def _draw(self) -> str:
        """A victim of chance, each as often as any other, and tasks with a job to join twice as often."""
        if not self._next:
            self._next = [*self._victims, "task that hands over", "task that waits"]
            self.dice.shuffle(self._next)
        return self._next.pop()

    def _refill(self) -> None:
        self._open = [each for each in self._open if self._state(each) not in ("success", "failed")]
        while len(self._open) < AT_ONCE:
            self._start_one(self.dice.choice((DEFERS, WAITS)))

    def _start_one(self, dag_id: str) -> _Request:
        size = self.dice.randrange(*SIZES[dag_id])
        files = {"a": self.dice.randbytes(size // 2), "d/b": self.dice.randbytes(size - size // 2), "empty": b""}
        request = _Request(f"k{len(self._all)}-{self.dice.randrange(10**9)}", dag_id, files)
        self.stack.driver.put(self._at(request, "src"), files)
        conf = {"source": self._at(request, "src"), "destination": self._at(request, "dst")}
        _asked(lambda: self._trigger(request, conf))
        self._open.append(request)
        self._all.append(request)
        self.outcome.requests = len(self._all)
        return request

    def _trigger(self, request: _Request, conf: dict[str, str]) -> None:
        body = {"logical_date": None, "conf": conf, "dag_run_id": request.run_id}
        try:
            self.stack.driver.api._call("POST", f"/dags/{request.dag_id}/dagRuns", json=body)
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != 409:
                raise

    def _at(self, request: _Request, end: str) -> str:
        return f"hdfs://onprem@/kill/{request.name}/{end}/"

    def _state(self, request: _Request) -> str:
        return str(_asked(lambda: self.stack.driver.api.run(request.dag_id, request.run_id))["state"])

    def _judge(self, request: _Request) -> None:
        try:
            state = self.stack.driver.ended(request.dag_id, request.run_id, SECONDS_TO_RECOVER)
        except AssertionError:
            state = "never ended"
        self._count_tries(request)
        if state != "success":
            self.outcome.lost.append(f"{request.run_id}: {state}")
            return
        if self.stack.driver.files(self._at(request, "dst")) != request.files:
            self.outcome.different.append(request.run_id)
        apps = self._applications(request)
        self.outcome.applications += len(apps)
        # A mapper may have been at its end when its job was killed: what counts is that one alone came to the end.
        if [app["finalStatus"] for app in apps].count("SUCCEEDED") != 1:
            self.outcome.doubled.append(f"{request.run_id}: {[(app['id'], app['finalStatus']) for app in apps]}")

    def _count_tries(self, request: _Request) -> None:
        """What each try says that it did with the job, in its own log."""
        api, tries = self.stack.driver.api, int(self._task(request)["try_number"])
        self.outcome.tries += tries
        where = f"/dags/{request.dag_id}/dagRuns/{request.run_id}/taskInstances/distcp/logs"
        for number in range(1, tries + 1):
            log = str(_asked(partial(api.get, f"{where}/{number}?map_index=-1&full_content=true")))
            self.outcome.submitted += "Submitted application_" in log
            self.outcome.joined += "Joined application_" in log
            self.outcome.taken += "was submitted by an earlier try and has ended well" in log

    def _task(self, request: _Request) -> dict[str, Any]:
        return _asked(lambda: self.stack.driver.tasks(request.dag_id, request.run_id))["distcp"]

    def _applications(self, request: _Request) -> list[dict[str, Any]]:
        where = f"{self.stack.resource_manager}/ws/v1/cluster/apps"
        answer = _asked(lambda: requests.get(where, timeout=30).json())
        found = (answer["apps"] or {}).get("app") or []
        return [app for app in found if app["name"].endswith(f"{request.dag_id} {request.run_id}")]

    def _has_job(self, request: _Request) -> bool:
        return any(app["state"] in ("SUBMITTED", "ACCEPTED", "RUNNING") for app in self._applications(request))

    def _kill_daemon(self, server: str, daemon: str) -> bool:
        process = self.stack.process(server, daemon)
        _kill(process)
        # For how long it is away is chance as well.
        time.sleep(self.dice.uniform(0, 5))
        self.stack.start(server)
        return True

    def _kill_task(self) -> bool:
        """One of the processes of a task: the one that runs it, or its supervisor."""
        return self._kill_one_of(_is_tasks)

    def _kill_client(self) -> bool:
        """The JVM of a client, or the script around it."""
        return self._kill_one_of(lambda line: b"org.apache.hadoop.tools.DistCp" in line or b"client.sh" in line)

    def _kill_handing_over(self) -> bool:
        """What runs of a task whose job has just come into being."""
        return self._kill_with_job(self._start_one(DEFERS), 1.0)

    def _kill_waiting(self) -> bool:
        """The process or the supervisor of a task whose job runs."""
        waiting = [each for each in self._open if each.dag_id == WAITS and self._has_job(each)]
        return self._kill_with_job(self.dice.choice(waiting) if waiting else self._start_one(WAITS), 10.0)

    def _kill_with_job(self, request: _Request, latest: float) -> bool:
        deadline = time.monotonic() + SECONDS_TO_APPEAR
        while not self._has_job(request):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        time.sleep(self.dice.uniform(0, latest))
        task = find_process(int(self._task(request)["pid"] or 0))
        if task is None or not _is_tasks(_command_line(task)):
            return False
        supervisor = find_process(_parent(task))
        _kill(self.dice.choice([each for each in (task, supervisor) if each is not None]))
        return True

    def _kill_one_of(self, wanted: Callable[[bytes], bool], seconds: float = 30.0) -> bool:
        # While jobs run no task that defers does: one that begins is needed.
        self._start_one(DEFERS)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            below = descendants([self.stack.process("airflow", "scheduler")])
            if found := [each for each in below if wanted(_command_line(each))]:
                # Not always at its birth.
                time.sleep(self.dice.uniform(0, 2.5))
                _kill(self.dice.choice(found))
                return True
            time.sleep(0.1)
        return False


def _asked(ask: Callable[[], T], seconds: float = 60.0) -> T:
    """An answer of somebody who may just be coming up again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _is_tasks(command_line: bytes) -> bool:
    """True for the process of a task, ``airflow worker -- ID``, and for its supervisor, the executor's process."""
    return command_line.startswith(b"airflow worker -- ") and b"<idle>" not in command_line


def _command_line(process: Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def _parent(process: Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))


def _kill(process: Process) -> None:
    if find_process(process.pid) == process:
        os.kill(process.pid, signal.SIGKILL)


def run_rounds(count: int, state: Path, seed: int) -> Outcome:
    """Starts a stack of its own in a folder, and stops it afterwards."""
    with KillStack.up(state) as stack:
        wait_for(lambda: {DEFERS, WAITS} <= stack.driver.api.dag_ids(), 120, "the DAGs")
        return Rounds(stack, seed).run(count)


def main() -> int:
    """Does what the command line asks."""
    from tests.servers.stack import STATES

    parser = argparse.ArgumentParser(prog="python -m tests.distcp.kill_rounds", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    outcome = run_rounds(asked.rounds, STATES / "kill", asked.seed)
    print(outcome)
    return 0 if outcome.sound() else 1


if __name__ == "__main__":
    sys.exit(main())
