"""DistCp requests in a real Airflow on a real YARN, of which something is killed (``kill -9``) at random moments:
`python -m tests.distcp.kill_rounds 100`.

Each round starts requests where fewer than two are on their way, waits for a moment of chance, kills one of what they
need, and starts it again. At the end every request must have ended well, with the same bytes at the destination, and
exactly one of its YARN applications may have run to the end.
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
from pathlib import Path
from typing import Any

import requests

from tests.distcp.kill_stack import KillStack
from tests.servers.process import Process, descendants, find_process
from tests.system.driver import wait_for

MIB = 2**20
AT_ONCE = 2
SIZES = (3 * MIB, 12 * MIB)
"""Bytes of a request; at 1 MiB/s."""
LATEST = 25.0
"""Seconds after which the next is killed."""
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

    def sound(self) -> bool:
        """True if nothing was lost, doubled or different."""
        return not (self.lost or self.doubled or self.different)


@dataclass
class _Request:
    name: str
    files: Mapping[str, bytes]
    run_id: str = ""


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
        }

    def run(self, count: int) -> Outcome:
        """Kills so many times, waits for the end of all requests, and looks."""
        for number in range(count):
            self._refill()
            time.sleep(self.dice.uniform(0, LATEST))
            victim = self.dice.choice(list(self._victims))
            hit = self._victims[victim]()
            if hit:
                self.outcome.killed[victim] += 1
            else:
                self.outcome.missed += 1
            print(f"{number + 1}: {victim}{'' if hit else ' (none runs)'}", flush=True)
        for request in self._all:
            self._judge(request)
        return self.outcome

    def _refill(self) -> None:
        self._open = [each for each in self._open if self._state(each) not in ("success", "failed")]
        while len(self._open) < AT_ONCE:
            self._start_one()

    def _start_one(self) -> None:
        size = self.dice.randrange(*SIZES)
        files = {"a": self.dice.randbytes(size // 2), "d/b": self.dice.randbytes(size - size // 2), "empty": b""}
        request = _Request(f"k{len(self._all)}-{self.dice.randrange(10**9)}", files)
        self.stack.driver.put(self._at(request, "src"), files)
        conf = {"source": self._at(request, "src"), "destination": self._at(request, "dst")}
        request.run_id = self.stack.driver.api.trigger("durable", conf)
        self._open.append(request)
        self._all.append(request)
        self.outcome.requests = len(self._all)

    def _at(self, request: _Request, end: str) -> str:
        return f"hdfs://onprem@/kill/{request.name}/{end}/"

    def _state(self, request: _Request) -> str:
        return str(self.stack.driver.api.run("durable", request.run_id)["state"])

    def _judge(self, request: _Request) -> None:
        try:
            state = self.stack.driver.ended("durable", request.run_id, SECONDS_TO_RECOVER)
        except AssertionError:
            state = "never ended"
        if state != "success":
            self.outcome.lost.append(f"{request.run_id}: {state}")
            return
        self.outcome.tries += int(self.stack.driver.tasks("durable", request.run_id)["distcp"]["try_number"])
        if self.stack.driver.files(self._at(request, "dst")) != request.files:
            self.outcome.different.append(request.run_id)
        apps = self._applications(request.run_id)
        self.outcome.applications += len(apps)
        # A mapper may have been at its end when its job was killed: what counts is that one alone came to the end.
        if [app["finalStatus"] for app in apps].count("SUCCEEDED") != 1:
            self.outcome.doubled.append(f"{request.run_id}: {[(app['id'], app['finalStatus']) for app in apps]}")

    def _applications(self, run_id: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.stack.resource_manager}/ws/v1/cluster/apps", timeout=30).json()
        return [app for app in (answer["apps"] or {}).get("app") or [] if app["name"].endswith(f"durable {run_id}")]

    def _kill_daemon(self, server: str, daemon: str) -> bool:
        process = self.stack.process(server, daemon)
        _kill(process)
        # For how long it is away is chance as well.
        time.sleep(self.dice.uniform(0, 5))
        self.stack.start(server)
        return True

    def _kill_task(self) -> bool:
        """One of the processes of a task: the one that runs it, or its supervisor."""
        return self._kill_one_of(lambda line: b"airflow" in line and (b"task" in line or b"supervisor" in line))

    def _kill_client(self) -> bool:
        """The JVM of a client, or the script around it."""
        return self._kill_one_of(lambda line: b"org.apache.hadoop.tools.DistCp" in line or b"client.sh" in line)

    def _kill_one_of(self, wanted: Callable[[bytes], bool], seconds: float = 30.0) -> bool:
        # While jobs run no task does: one that begins is needed.
        self._start_one()
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


def _command_line(process: Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def _kill(process: Process) -> None:
    if find_process(process.pid) == process:
        os.kill(process.pid, signal.SIGKILL)


def run_rounds(count: int, state: Path, seed: int) -> Outcome:
    """Starts a stack of its own in a folder, and stops it afterwards."""
    with KillStack.up(state) as stack:
        wait_for(lambda: "durable" in stack.driver.api.dag_ids(), 120, "the DAG")
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
