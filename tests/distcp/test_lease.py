"""A job's lease: begun as soon as its application is seen, renewed by whoever waits, tried again when it fails."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from airflow_datamove.distcp import follow as following
from airflow_datamove.distcp import lease
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.distcp.lifecycle import HANDOVER_SECONDS, LEASE_SECONDS
from airflow_datamove.distcp.progress import JobRef
from airflow_datamove.distcp.wait import wait_for_end
from airflow_datamove.stores.connection import Connection, Connections, EnvironmentConnections
from tests.distcp.test_job import request
from tests.distcp.tree import Place
from tests.stores.function_server import Answered, Asked, Script, function_server

JSON = {"Content-Type": "application/json"}
REF = JobRef("application_1_1", "job_1_1", "t")


class Yarn:
    """A resource manager with one job; it refuses some of the leases."""

    def __init__(self, refused: int = 0, looks: int = 10**9) -> None:
        self.refused, self.looks = refused, looks
        self.lent: list[float] = []
        """Seconds from now, of those that it took."""

    def __call__(self, asked: Asked) -> Answered:
        path = asked.target.partition("?")[0]
        if path.endswith("/timeout"):
            if self.refused:
                self.refused -= 1
                return Answered(503, b"{}", JSON)
            until = json.loads(asked.body)["timeout"]["expiryTime"]
            self.lent.append((datetime.strptime(until, "%Y-%m-%dT%H:%M:%S.%f%z") - datetime.now(UTC)).total_seconds())
            return Answered(200, b"{}", JSON)
        self.looks -= 1
        ended = self.looks < 0
        app = {
            "id": REF.application_id,
            "applicationTags": REF.tag,
            "state": "FINISHED" if ended else "ACCEPTED",
            "finalStatus": "SUCCEEDED" if ended else "UNDEFINED",
        }
        listed = path == "/ws/v1/cluster/apps"
        return Answered(200, json.dumps({"apps": {"app": [app]}} if listed else {"app": app}).encode(), JSON)


@contextmanager
def cluster(yarn: Yarn) -> Iterator[tuple[DistCpJob, Script]]:
    with function_server(yarn) as server:
        extra = {"command": "true", "resource_manager": server.url}
        yield DistCpJob(Connection("h", "hadoop", extra=extra), EnvironmentConnections({})), server


def waits(job: DistCpJob) -> None:
    wait_for_end(job, REF, 0.05, threading.Event())


def follows(job: DistCpJob) -> None:
    async def all_of() -> None:
        async for _ in following.follow(job, REF, 0.05):
            pass

    asyncio.run(all_of())


@pytest.mark.parametrize("stays", [waits, follows])
def test_whoever_waits_renews_it_and_tries_again_when_that_fails(
    stays: Callable[[DistCpJob], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_SECONDS_TO_FIRST", 0.0)
    monkeypatch.setattr(lease, "_SECONDS_TO_TRY_AGAIN", 0.2)
    monkeypatch.setattr(following, "_LEAST_SECONDS_BETWEEN_DETAILS", 0.05)
    yarn = Yarn(refused=2, looks=40)
    with cluster(yarn) as (job, server):
        stays(job)
    # Two that failed, one that worked, and the next one in an hour.
    asked = [each for each in server.asked if each.method == "PUT"]
    assert len(asked) == 3
    assert [round(seconds, -2) for seconds in yarn.lent] == [LEASE_SECONDS]


def test_lending_says_whether_it_worked() -> None:
    with cluster(Yarn(refused=1)) as (job, _):
        assert [job.lend(REF, 60), job.lend(REF, 60)] == [False, True]
    assert not job.lend(REF, 60)


def expiry(cluster: Mapping[str, str], application_id: str) -> str:
    url = f"{cluster['resourcemanager']}/ws/v1/cluster/apps/{application_id}/timeouts/LIFETIME"
    return str(requests.get(url, timeout=10).json()["timeout"]["expiryTime"])


def seconds_left(until: str) -> float:
    return (datetime.strptime(until, "%Y-%m-%dT%H:%M:%S.%f%z") - datetime.now(UTC)).total_seconds()


def test_a_job_is_lent_by_who_submits_it_while_the_client_still_runs(
    hdfs: Place, cluster: Mapping[str, str], ends: Connections, tmp_path: Path
) -> None:
    hdfs.write("src/f", bytes(2**20))
    # A client that goes on for long after it has submitted.
    client = tmp_path / "client"
    client.write_text(f'#!/usr/bin/env bash\n{cluster["command"]} "$@"; code=$?; sleep 8; exit $code\n')
    client.chmod(0o755)
    there = ends.get("hadoop")
    job = DistCpJob(replace(there, extra={**there.extra, "command": str(client)}), ends)
    asked = request(hdfs.at("src"), hdfs.at("dst"), maps=1, bandwidth=2**17)
    refs: list[JobRef] = []
    submitting = threading.Thread(target=lambda: refs.append(job.submit(asked)))
    submitting.start()
    until, deadline = "UNLIMITED", time.monotonic() + 60
    while until == "UNLIMITED" and submitting.is_alive():
        assert time.monotonic() < deadline
        if found := job.manager.active(asked.tag):
            until = expiry(cluster, found[0].id)
        time.sleep(0.1)
    assert submitting.is_alive()
    submitting.join()
    assert HANDOVER_SECONDS - 60 < seconds_left(until) <= HANDOVER_SECONDS
    # A retry that joins it has taken it over: it begins anew.
    job.lend(refs[0], 3600)
    job.submit(asked)
    assert seconds_left(expiry(cluster, refs[0].application_id)) <= HANDOVER_SECONDS
    job.kill(refs[0])
