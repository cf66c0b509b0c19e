"""Drives a running Airflow: posts, waits, looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store
from examples.quickstart.stack import Stack

T = TypeVar("T")


class Driver:
    """What the tests ask of a running stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = stack.api()

    def post(self, dag_id: str, conf: Any) -> requests.Response:
        """Airflow's answer to a trigger, whatever it is."""
        token = requests.post(
            f"{self.stack.url}/auth/token",
            json={"username": self.stack.username, "password": self.stack.password},
            timeout=30,
        ).json()["access_token"]
        return requests.post(
            f"{self.stack.url}/api/v2/dags/{dag_id}/dagRuns",
            json={"logical_date": None, "conf": conf},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    def store(self, address: str) -> Store:
        """The store of an address, as seen from here."""
        return open_store(Address.parse(address), self.stack.connections)

    def put(self, address: str, files: Mapping[str, bytes]) -> None:
        """Writes files below a directory."""
        with self.store(address) as store:
            root = Address.parse(address).path
            for name, content in files.items():
                with store.create(f"{root}{name}", size=len(content)) as writer:
                    writer.write(content)
                    writer.commit()

    def files(self, address: str) -> dict[str, bytes]:
        """Every file below a directory."""
        root = Address.parse(address).path.rstrip("/")
        found = {}
        with self.store(address) as store:
            for entry in store.walk(root):
                if entry.kind is Kind.FILE:
                    with store.open(entry.path) as stream:
                        found[entry.path.removeprefix(f"{root}/")] = stream.read()
        return found

    def exists(self, address: str) -> bool:
        """Whether anything stands there."""
        with self.store(address) as store:
            return store.exists(Address.parse(address).path.rstrip("/"))

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """The task instances of a run by their task's id."""
        return {task["task_id"]: task for task in self.api.tasks(dag_id, run_id)}

    def ended(self, dag_id: str, run_id: str, seconds: float = 150.0) -> str:
        """The state in which a run ended."""
        return wait_for(lambda: _final(self.api.run(dag_id, run_id)["state"]), seconds, f"the end of {dag_id} {run_id}")

    def copied(self, dag_id: str, conf: dict[str, Any], seconds: float = 150.0) -> dict[str, Any]:
        """Posts a request, waits for its success, and returns its report."""
        run_id = self.api.trigger(dag_id, conf)
        state = self.ended(dag_id, run_id, seconds)
        assert state == "success", self.log(dag_id, run_id)
        report = self.api.report(dag_id, run_id)
        assert report is not None
        return report

    def failed(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Posts a request that cannot be, waits for its failure, and returns the failed task's log.

        It must fail at its first try.
        """
        run_id = self.api.trigger(dag_id, conf)
        assert self.ended(dag_id, run_id, 120) == "failed"
        failed = [task for task in self.api.tasks(dag_id, run_id) if task["state"] == "failed"]
        assert [task["try_number"] for task in failed] == [1]
        return self.log(dag_id, run_id)

    def log(self, dag_id: str, run_id: str) -> str:
        """The logs of a run's tasks that ran."""
        texts = []
        for task in self.api.tasks(dag_id, run_id):
            if task["try_number"]:
                where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
                texts.append(str(self.api.get(f"{where}?map_index={task['map_index']}&full_content=true")))
        return "\n".join(texts)


def wait_for(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Looks until there is something to see."""
    deadline = time.monotonic() + seconds
    while True:
        if (seen := look()) is not None and seen is not False:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.3)


def _final(state: str) -> str | None:
    return state if state in ("success", "failed") else None
