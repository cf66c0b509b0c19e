"""What the client does when it is interrupted, or when the resource manager does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from airflow_datamove.distcp.client import Client
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.launcher import Launcher
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.rest import NoAnswer, Rest
from airflow_datamove.distcp.submit import LocalLauncher
from airflow_datamove.distcp.yarn import App, ResourceManager, apps_of
from airflow_datamove.errors import Cancelled, DistCpFailed, Refused, TrackingLost

COMMAND = Command(("-async",), ("hdfs://nn/s/",), "hdfs://nn/t/")


class Manager(ResourceManager):
    """A resource manager with jobs of one tag, or one that does not answer."""

    def __init__(self, *ids: str, answers: bool = True) -> None:
        super().__init__(Rest([]))
        self.ids, self.answers = list(ids), answers
        self.killed: list[str] = []
        self.from_when = 0.0
        self.succeeded: set[str] = set()
        self.failed: set[str] = set()

    def tagged(self, tags: Sequence[str]) -> list[App]:
        if not self.answers:
            raise NoAnswer("away")
        if time.monotonic() < self.from_when:
            return []
        return apps_of({"apps": {"app": [self._app(each) for each in self.ids]}})

    def _app(self, application_id: str) -> dict[str, str]:
        if application_id in self.succeeded:
            return {"id": application_id, "state": "FINISHED", "finalStatus": "SUCCEEDED"}
        return {"id": application_id, "state": "FAILED" if application_id in self.failed else "RUNNING"}

    def kill(self, application_id: str) -> bool:
        if not self.answers:
            raise NoAnswer("away")
        self.killed.append(application_id)
        return True


def launcher(folder: Path, script: str) -> LocalLauncher:
    client = folder / "client"
    client.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
    client.chmod(0o755)
    return LocalLauncher(Cluster("hadoop", (str(client),), ()))


def client(launcher: Launcher, manager: ResourceManager) -> Client:
    return Client(launcher, manager, "hadoop")


class TimeOut(BaseException):
    """Like Airflow's AirflowTaskTimeout, which is no Exception."""


@pytest.mark.parametrize("interruption", [TimeOut, KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_interrupts_the_client_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr(LocalLauncher, "run", interrupted)
    manager = Manager("application_1_1", "application_1_2")
    manager.from_when = time.monotonic() + 0.5  # YARN has said yes, and does not show it yet
    with pytest.raises(interruption):
        client(launcher(tmp_path, "true"), manager).submit(COMMAND, "t", None)
    assert manager.killed == ["application_1_1", "application_1_2"]
    with pytest.raises(interruption):
        client(launcher(tmp_path, "true"), Manager(answers=False)).submit(COMMAND, "t", None)


def test_a_client_that_never_started_ends_nobody_s_job(tmp_path: Path) -> None:
    manager = Manager("application_1_1")
    refused = Command((), (*(f"hdfs://nn/{'x' * 1000}{number}" for number in range(200)), "a\nb"), "hdfs://nn/t/")
    with pytest.raises(Refused):
        client(launcher(tmp_path, "true"), manager).submit(refused, "t", None)
    assert manager.killed == []


def test_a_cancel_while_nobody_answers_does_not_claim_that_there_is_no_job(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(TrackingLost, match="tag t"):
        client(launcher(tmp_path, "sleep 60"), Manager(answers=False)).submit(COMMAND, "t", stop)
    with pytest.raises(Cancelled, match="listed the source"):
        client(launcher(tmp_path, "sleep 60"), Manager()).submit(COMMAND, "t", stop)


def test_a_client_s_own_failure_is_told_even_while_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DistCpFailed, match="out of luck"):
        client(launcher(tmp_path, "echo out of luck; exit 1"), Manager(answers=False)).submit(COMMAND, "t", None)


def test_of_two_jobs_of_one_tag_the_later_goes(tmp_path: Path) -> None:
    submits = launcher(tmp_path, "echo Submitted application application_1_2")
    manager = Manager("application_1_2", "application_1_1")
    assert client(submits, manager).submit(COMMAND, "t", None) == ("application_1_1", True)
    assert manager.killed == ["application_1_2"]
    first = Manager("application_1_2", "application_1_3")
    assert client(submits, first).submit(COMMAND, "t", None) == ("application_1_2", False)
    assert first.killed == []


def test_a_client_that_gave_up_for_another_s_job_has_joined_it(tmp_path: Path) -> None:
    gives_up = launcher(tmp_path, "echo 'Exception: datamove: joined application_1_1'; exit 255")
    assert client(gives_up, Manager("application_1_1")).submit(COMMAND, "t", None) == ("application_1_1", True)


def test_what_ended_well_meanwhile_counts_and_what_was_disregarded_does_not(tmp_path: Path) -> None:
    submits = launcher(tmp_path, "echo Submitted application application_1_2")
    manager = Manager("application_1_1", "application_1_2")
    manager.succeeded = {"application_1_1"}
    assert client(submits, manager).submit(COMMAND, "t", None) == ("application_1_1", True)
    assert manager.killed == ["application_1_2"]
    again = Manager("application_1_1", "application_1_2")
    again.succeeded = {"application_1_1"}
    assert client(submits, again).submit(COMMAND, "t", None, {"application_1_1"}) == ("application_1_2", False)
    assert again.killed == []


def test_which_jobs_of_a_tag_count() -> None:
    manager = Manager("application_1_1", "application_1_2", "application_1_3", "application_1_4")
    manager.succeeded, manager.failed = {"application_1_1", "application_1_3"}, {"application_1_2"}
    known = client(LocalLauncher(Cluster("hadoop", ("true",), ())), manager).known("t")
    assert [app.id for app in known] == ["application_1_4", "application_1_3", "application_1_1"]
