"""Waiting for a job: patience with a cluster that does not answer, and an end to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_datamove.distcp import follow
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.triggers.distcp import DistCpTrigger, describe
from tests.stores.function_server import Answered, Asked, function_server

REF = JobRef("application_1_0001", "job_1_0001", "tag").to_dict()


async def first(trigger: DistCpTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("no event")


def test_a_cluster_that_never_answers_is_lost_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_DOWN", json.dumps({"conn_type": "hadoop", "extra": extra}))
    monkeypatch.setattr(follow, "_SECONDS_OF_PATIENCE", 0.5)

    event = asyncio.run(first(DistCpTrigger(hadoop_conn_id="down", ref=REF, poll_interval=0.1)))
    assert event["state"] == "LOST"
    assert "application_1_0001" in event["message"]


@contextmanager
def yarn() -> Iterator[str]:
    """A resource manager whose one job ends when it has been asked after three times."""
    asked = []

    def answer(about: Asked) -> Answered:
        asked.append(about)
        ended = {"state": "FINISHED", "finalStatus": "SUCCEEDED"} if len(asked) > 3 else {"state": "ACCEPTED"}
        app = {"id": "application_1_0001", "applicationTags": "tag", **ended}
        body = json.dumps({"apps": {"app": [app]}}).encode()
        return Answered(200, body, {"Content-Type": "application/json"})

    with function_server(answer) as server:
        yield server.url


def test_a_job_is_followed_once_airflow_tells_the_connection_again(monkeypatch: pytest.MonkeyPatch) -> None:
    unheard = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
    told, failing = BaseHook.aget_connection, [OSError("no API server"), unheard]

    async def tells(conn_id: str) -> Any:
        if failing:
            raise failing.pop()
        return await told(conn_id)

    monkeypatch.setattr(BaseHook, "aget_connection", tells)
    monkeypatch.setattr("airflow_datamove.triggers.distcp._FIRST_PAUSE", 0.05)
    with yarn() as url:
        extra = {"command": "true", "resource_manager": url}
        monkeypatch.setenv("AIRFLOW_CONN_UP", json.dumps({"conn_type": "hadoop", "extra": extra}))
        event = asyncio.run(first(DistCpTrigger(hadoop_conn_id="up", ref=REF, poll_interval=0.1)))
    assert failing == []
    assert event["state"] == "SUCCEEDED"


def test_a_job_is_followed_while_the_ledger_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    async def away(hook: LedgerHook) -> Any:
        opened.append(hook.ledger_conn_id)
        raise OSError("the database does not answer")

    monkeypatch.setattr(LedgerHook, "aget_conn", away)
    with yarn() as url:
        extra = {"command": "true", "resource_manager": url}
        monkeypatch.setenv("AIRFLOW_CONN_UP", json.dumps({"conn_type": "hadoop", "extra": extra}))
        trigger = DistCpTrigger(hadoop_conn_id="up", ref=REF, poll_interval=0.1, ledger_id="r-1")
        event = asyncio.run(first(trigger))
    assert opened
    assert event["state"] == "SUCCEEDED"


def test_a_connection_that_is_not_there_and_whatever_else_goes_wrong_is_told_to_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = asyncio.run(first(DistCpTrigger(hadoop_conn_id="never_made", ref=REF)))
    assert event["state"] == "LOST"
    assert "never_made" in event["message"]
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_UP", json.dumps({"conn_type": "hadoop", "extra": extra}))

    def breaks(*_: Any) -> Any:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("airflow_datamove.triggers.distcp.follow", breaks)
    event = asyncio.run(first(DistCpTrigger(hadoop_conn_id="up", ref=REF)))
    assert event == {"state": "LOST", "message": "unexpected RuntimeError: a mistake of ours"}


def test_it_is_made_again_from_what_it_says_of_itself() -> None:
    trigger = DistCpTrigger(hadoop_conn_id="c", ref=REF)
    path, arguments = trigger.serialize()
    assert path == "airflow_datamove.triggers.distcp.DistCpTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert DistCpTrigger(**arguments).serialize() == (path, arguments)


def test_a_running_job_in_one_line() -> None:
    assert describe(JobProgress("ACCEPTED", "UNDEFINED")) == "ACCEPTED"
    assert describe(JobProgress("RUNNING", "UNDEFINED", 2**20, 2**21)) == "RUNNING, 1 MiB of 2 MiB"
