"""Waiting for a job: patience with a cluster that does not answer, and an end to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_datamove.distcp import follow
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.triggers.distcp import DistCpTrigger, describe

REF = JobRef("application_1_0001", "job_1_0001", "tag").to_dict()


def test_a_cluster_that_never_answers_is_lost_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_DOWN", json.dumps({"conn_type": "hadoop", "extra": extra}))
    monkeypatch.setattr(follow, "_SECONDS_OF_PATIENCE", 0.5)

    async def first() -> dict[str, Any]:
        async for event in DistCpTrigger(hadoop_conn_id="down", ref=REF, poll_interval=0.1).run():
            payload: dict[str, Any] = event.payload
            return payload
        raise AssertionError("no event")

    event = asyncio.run(first())
    assert event["state"] == "LOST"
    assert "application_1_0001" in event["message"]


def test_it_is_made_again_from_what_it_says_of_itself() -> None:
    trigger = DistCpTrigger(hadoop_conn_id="c", ref=REF)
    path, arguments = trigger.serialize()
    assert path == "airflow_datamove.triggers.distcp.DistCpTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert DistCpTrigger(**arguments).serialize() == (path, arguments)


def test_a_running_job_in_one_line() -> None:
    assert describe(JobProgress("ACCEPTED", "UNDEFINED")) == "ACCEPTED"
    assert describe(JobProgress("RUNNING", "UNDEFINED", 2**20, 2**21)) == "RUNNING, 1 MiB of 2 MiB"
