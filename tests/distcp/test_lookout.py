"""One poll for all jobs of a cluster, against a server that counts what it is asked."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.follow import follow
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.lookout import Lookout, lookout_of
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.distcp.yarn import App
from airflow_datamove.stores.connection import Connection, EnvironmentConnections
from tests.stores.function_server import Answered, Asked, function_server

JSON = {"Content-Type": "application/json"}


class Yarn:
    """A resource manager whose jobs end after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def __call__(self, asked: Asked) -> Answered:
        parts = urlsplit(asked.target)
        if parts.path != "/ws/v1/cluster/apps":
            return Answered(404, b"{}", JSON)
        ended = time.monotonic() > self.end
        apps = [
            {
                "id": f"application_1_{tag[1:]}",
                "applicationTags": tag,
                "state": "FINISHED" if ended else "RUNNING",
                "finalStatus": "SUCCEEDED" if ended else "UNDEFINED",
            }
            for tag in parse_qs(parts.query)["applicationTags"][0].split(",")
        ]
        return Answered(200, json.dumps({"apps": {"app": apps}}).encode(), JSON)


def test_two_hundred_jobs_are_followed_by_few_requests() -> None:
    async def last(job: DistCpJob, ref: JobRef) -> JobProgress:
        return [progress async for progress in follow(job, ref, 1.0)][-1]

    async def all_of(url: str) -> list[JobProgress]:
        extra = {"command": "true", "resource_manager": url}
        jobs = [DistCpJob(Connection("h", "hadoop", extra=extra), EnvironmentConnections({})) for _ in range(200)]
        refs = [JobRef(f"application_1_{number}", f"job_1_{number}", f"t{number}") for number in range(200)]
        return await asyncio.gather(*(last(job, ref) for job, ref in zip(jobs, refs, strict=True)))

    seconds = 9.0
    with function_server(Yarn(seconds)) as server:
        found = asyncio.run(all_of(server.url))
        polls = [asked for asked in server.asked if asked.target.startswith("/ws/v1/cluster/apps?")]
        details = [asked for asked in server.asked if not asked.target.startswith("/ws/v1/cluster/apps?")]
    assert all(progress.succeeded for progress in found)
    print(f"{len(polls)} polls and {len(details)} other requests for 200 jobs in {seconds} s")
    # Two requests for two hundred tags, every four seconds.
    assert len(polls) <= 2 * 5
    # Each job's counters and its failed attempts, once in forty seconds; its lease, at first within five minutes.
    assert len(details) <= 200 * seconds * (2 / 40 + 1 / 300) * 1.5
    assert details


def test_the_event_loop_is_not_held_up_and_a_stranger_is_unknown() -> None:
    def slow(tags: object) -> list[App]:
        time.sleep(0.5)
        return []

    async def measured() -> tuple[App | None, float]:
        asking = asyncio.create_task(Lookout(slow).app("t", "application_1_1", 0.1))
        longest, last = 0.0, time.monotonic()
        while not asking.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        return asking.result(), longest

    app, longest = asyncio.run(measured())
    assert app is None
    assert longest < 0.3


def test_who_waits_hears_of_a_failure_and_who_has_gone_is_left_out() -> None:
    asked: list[list[str]] = []

    def fails(tags: object) -> list[App]:
        asked.append(list(tags))  # type: ignore[call-overload]
        raise NoAnswer("away")

    async def both() -> None:
        lookout = Lookout(fails)
        await asyncio.gather(lookout.app("first", "x", 0.0), return_exceptions=True)
        gone = asyncio.create_task(lookout.app("gone", "x", 0.3))
        stays = asyncio.create_task(lookout.app("stays", "x", 0.3))
        await asyncio.sleep(0.05)
        gone.cancel()
        with pytest.raises(NoAnswer):
            await stays

    asyncio.run(both())
    assert asked == [["first"], ["stays"]]


def test_a_cluster_has_one_lookout_in_a_loop() -> None:
    async def two() -> bool:
        cluster = Cluster("h", ("x",), ("http://a:1",))
        return lookout_of(cluster) is lookout_of(Cluster("h", ("x",), ("http://a:1",)))

    assert asyncio.run(two())
