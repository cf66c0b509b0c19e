"""What the client does when it is interrupted, or when the resource manager does not answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from airflow_datamove.distcp.client import Client
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.rest import NoAnswer, Rest
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

    def active(self, tag: str) -> list[App]:
        if not self.answers:
            raise NoAnswer("away")
        if time.monotonic() < self.from_when:
            return []
        return apps_of({"apps": {"app": [{"id": each, "state": "RUNNING"} for each in self.ids]}})

    def kill(self, application_id: str) -> bool:
        if not self.answers:
            raise NoAnswer("away")
        self.killed.append(application_id)
        return True


def cluster(folder: Path, script: str) -> Cluster:
    client = folder / "client"
    client.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
    client.chmod(0o755)
    return Cluster("hadoop", (str(client),), ())


class TimeOut(BaseException):
    """Like Airflow's AirflowTaskTimeout, which is no Exception."""


@pytest.mark.parametrize("interruption", [TimeOut, KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_interrupts_the_client_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr("airflow_datamove.distcp.client.run_client", interrupted)
    manager = Manager("application_1_1", "application_1_2")
    manager.from_when = time.monotonic() + 0.5  # YARN has said yes, and does not show it yet
    with pytest.raises(interruption):
        Client(cluster(tmp_path, "true"), manager).submit(COMMAND, "t", None)
    assert manager.killed == ["application_1_1", "application_1_2"]
    with pytest.raises(interruption):
        Client(cluster(tmp_path, "true"), Manager(answers=False)).submit(COMMAND, "t", None)


def test_a_client_that_never_started_ends_nobody_s_job(tmp_path: Path) -> None:
    manager = Manager("application_1_1")
    refused = Command((), (*(f"hdfs://nn/{'x' * 1000}{number}" for number in range(200)), "a\nb"), "hdfs://nn/t/")
    with pytest.raises(Refused):
        Client(cluster(tmp_path, "true"), manager).submit(refused, "t", None)
    assert manager.killed == []


def test_a_cancel_while_nobody_answers_does_not_claim_that_there_is_no_job(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(TrackingLost, match="tag t"):
        Client(cluster(tmp_path, "sleep 60"), Manager(answers=False)).submit(COMMAND, "t", stop)
    with pytest.raises(Cancelled, match="listed the source"):
        Client(cluster(tmp_path, "sleep 60"), Manager()).submit(COMMAND, "t", stop)


def test_a_client_s_own_failure_is_told_even_while_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DistCpFailed, match="out of luck"):
        Client(cluster(tmp_path, "echo out of luck; exit 1"), Manager(answers=False)).submit(COMMAND, "t", None)


def test_of_two_jobs_of_one_tag_the_later_goes(tmp_path: Path) -> None:
    client = cluster(tmp_path, "echo Submitted application application_1_2")
    manager = Manager("application_1_2", "application_1_1")
    assert Client(client, manager).submit(COMMAND, "t", None) == ("application_1_1", True)
    assert manager.killed == ["application_1_2"]
    first = Manager("application_1_2", "application_1_3")
    assert Client(client, first).submit(COMMAND, "t", None) == ("application_1_2", False)
    assert first.killed == []
