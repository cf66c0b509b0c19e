"""Requests in a real Airflow, killed (``kill -9``) in some part at random moments between "accepted" and "done":
`python -m tests.requests_killed.rounds 200`.

Each round submits some requests, small ones for a leased run and now and then one for DistCp, waits for a moment of
chance, kills one of what they need, and starts it again. At the end every request that was accepted must have ended
well, with the same bytes at the destination, and no request may be there twice.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from airflow_datamove.client import AirflowApi, Requests
from airflow_datamove.errors import DatamoveError, StoreUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.upgrade import upgrade
from examples.quickstart.stack import Stack, up
from tests.distcp.kill_rounds import _command_line, _is_tasks, _kill
from tests.distcp.kill_stack import QUICK
from tests.servers import start, stop
from tests.servers.process import Process, descendants
from tests.servers.record import read_record
from tests.system.driver import Driver

T = TypeVar("T")
SMALL, LARGE = (1, 40_000), (5 * 2**20, 9 * 2**20)
AT_A_TIME = (3, 25)
LATEST = 12.0
"""Seconds after which the next is killed."""
SECONDS_TO_RECOVER = 900.0
_PLATFORM = """
links:
  wan: {capacity: 64 MiB/s, slot: 2 MiB/s, distcp: 50%, urgent: 10%}
hadoop: {connection: cluster}
threshold: 4 MiB
"""
_TENANT = """
owner: kill@example.com
link: wan
max_lane: urgent
max_slots: 8
read:  ["hdfs://onprem@/killed/"]
write: ["hdfs://onprem@/killed/"]
"""


@dataclass
class Outcome:
    """What came of some rounds."""

    killed: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    accepted: int = 0
    large: int = 0
    states: Counter[str] = field(default_factory=Counter)
    more_than_one_try: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def sound(self) -> bool:
        """True if nothing was lost, doubled or different."""
        return not (self.lost or self.doubled or self.different)


@dataclass(frozen=True)
class _Sent:
    key: str
    source: str
    destination: str
    content: bytes


class Rounds:
    """The requests of a stack, and what is done to it."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack, self.dice, self.outcome = stack, random.Random(seed), Outcome()
        self.driver = Driver(stack)
        self._client: Requests | None = None
        self._sent: list[_Sent] = []
        self._ids: dict[str, str] = {}
        self._victims: Mapping[str, Callable[[], bool]] = {
            "api-server": lambda: self._kill_daemon("airflow", "api-server"),
            "scheduler": lambda: self._kill_daemon("airflow", "scheduler"),
            "triggerer": lambda: self._kill_daemon("airflow", "triggerer"),
            "dag-processor": lambda: self._kill_daemon("airflow", "dag-processor"),
            "database": lambda: self._kill_daemon("postgres", "postgres"),
            "task": lambda: self._kill_task(1),
            "two tasks": lambda: self._kill_task(2),
        }
        self._next: list[str] = []

    def run(self, count: int) -> Outcome:
        """Kills so many times, waits for the end of all requests, and looks."""
        for number in range(count):
            self._submit()
            time.sleep(self.dice.uniform(0, LATEST))
            victim = self._draw()
            hit = self._victims[victim]()
            self.outcome.killed[victim] += hit
            self.outcome.missed += not hit
            print(f"{number + 1}: {victim}{'' if hit else ' (none runs)'}", flush=True)
        self._judge()
        return self.outcome

    def _draw(self) -> str:
        """A victim of chance, each as often as any other, and tasks three times as often."""
        if not self._next:
            self._next = [*self._victims, "task", "task"]
            self.dice.shuffle(self._next)
        return self._next.pop()

    def _submit(self) -> None:
        many = self.dice.randrange(*AT_A_TIME)
        batch = [self._made(SMALL) for _ in range(many)]
        if self.dice.random() < 0.2:
            batch.append(self._made(LARGE))
            self.outcome.large += 1
        lane = self.dice.choice(["urgent", "normal", "bulk"])
        body = [
            {"tenant": "killed", "lane": lane, "source": each.source, "destination": each.destination,
             "idempotency_key": each.key, "priority": self.dice.randrange(100)}
            for each in batch
        ]  # fmt: skip
        answers = self._asked(lambda client: client.submit_many(body))
        for each, answer in zip(batch, answers, strict=True):
            assert answer["id"], answer
            self._ids[each.key] = answer["id"]
        self._sent += batch
        self.outcome.accepted = len(self._sent)

    def _made(self, size: tuple[int, int]) -> _Sent:
        name = f"{len(self._sent)}-{self.dice.randrange(10**9)}"
        content = self.dice.randbytes(self.dice.randrange(*size))
        self.driver.put("hdfs://onprem@/killed/in/", {name: content})
        return _Sent(name, f"hdfs://onprem@/killed/in/{name}", f"hdfs://onprem@/killed/out/{name}", content)

    def _asked(self, ask: Callable[[Requests], T], seconds: float = 180.0) -> T:
        """An answer of an API server that may be coming up again, or whose database is; asked again and again, as a
        client with an idempotency key may."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self._client is None:
                    stack = self.stack
                    self._client = Requests(AirflowApi(stack.url, username=stack.username, password=stack.password))
                return ask(self._client)
            except DatamoveError as error:
                if time.monotonic() > deadline:
                    raise
                if not isinstance(error, StoreUnavailable):
                    print(f"   {error}", flush=True)
                self._client = None
                time.sleep(1)

    def _judge(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_RECOVER
        while time.monotonic() < deadline:
            counts = self._asked(lambda client: client.counts(tenant="killed"))
            print(counts, flush=True)
            if not counts.get("pending") and not counts.get("running"):
                break
            time.sleep(5)
        found = self._asked(lambda client: list(client.search(tenant="killed", most=1_000_000)))
        self.outcome.states.update(each["state"] for each in found)
        self.outcome.more_than_one_try = sum(each["tries"] > 1 for each in found)
        by_key = Counter(each["idempotency_key"] for each in found)
        self.outcome.doubled = [key for key, many in by_key.items() if many > 1]
        states = {each["idempotency_key"]: each for each in found}
        there = self.driver.files("hdfs://onprem@/killed/out/")
        for each in self._sent:
            known: dict[str, Any] | None = states.get(each.key)
            if known is None or known["id"] != self._ids[each.key] or known["state"] != "done":
                self.outcome.lost.append(f"{each.key}: {known}")
            elif there.pop(each.key, None) != each.content:
                self.outcome.different.append(each.key)

    def _process(self, server: str, daemon: str) -> Process:
        return read_record(self.stack.state / server).entries[daemon].process

    def _kill_daemon(self, server: str, daemon: str) -> bool:
        process = self._process(server, daemon)
        for each in [*descendants([process]), process] if daemon == "api-server" else [process]:
            _kill(each)
        # For how long it is away is chance as well.
        time.sleep(self.dice.uniform(0, 4))
        start(server, self.stack.state)
        return True

    def _kill_task(self, many: int, seconds: float = 25.0) -> bool:
        """Processes of tasks, or their supervisors."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            below = descendants([self._process("airflow", "scheduler")])
            if found := [each for each in below if _is_tasks(_command_line(each))]:
                time.sleep(self.dice.uniform(0, 3))
                for each in self.dice.sample(found, min(many, len(found))):
                    _kill(each)
                return True
            time.sleep(0.1)
        return False


@contextmanager
def stack(state: Path) -> Iterator[Stack]:
    """Airflow and the ledger on one PostgreSQL, and Hadoop."""
    folder = state / "tenants-folder"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tenants/killed").mkdir(parents=True)
    (folder / "platform.yaml").write_text(_PLATFORM)
    (folder / "tenants/killed/tenant.yaml").write_text(_TENANT)
    try:
        dsn = start("postgres", state)["dsn"]
        ledger = {"AIRFLOW_CONN_DATAMOVE_LEDGER": dsn}
        upgrade(Ledger(dsn.replace("postgresql://", "postgresql+psycopg://"), pooled=False))
        yield up(state, folder=folder, more={**QUICK, **ledger}, database=dsn, dags={"killed.copy.normal"})
    finally:
        for server in ("airflow", "hadoop", "azurite", "gcs", "postgres"):
            stop(server, state)


def run_rounds(count: int, state: Path, seed: int) -> Outcome:
    """Starts a stack of its own in a folder, and stops it afterwards."""
    with stack(state) as running:
        return Rounds(running, seed).run(count)


def main() -> int:
    """Does what the command line asks."""
    from tests.servers.stack import STATES

    parser = argparse.ArgumentParser(prog="python -m tests.requests_killed.rounds", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    outcome = run_rounds(asked.rounds, STATES / "requests-killed", asked.seed)
    print(outcome)
    return 0 if outcome.sound() else 1


if __name__ == "__main__":
    sys.exit(main())
