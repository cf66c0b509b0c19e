"""Why tasks failed, as a job's master and the JobHistory server tell it in one shape."""

from __future__ import annotations

import json
from typing import Any

from airflow_datamove.distcp.history import HistoryServer
from airflow_datamove.distcp.rest import Rest
from airflow_datamove.distcp.yarn import ResourceManager, apps_of
from tests.stores.function_server import Answered, Asked, function_server

TASKS = [
    {"id": "task_killed", "state": "KILLED"},
    {"id": "task_fine", "state": "SUCCEEDED"},
    {"id": "task_failed", "state": "FAILED"},
    {"id": "task_again", "state": "RUNNING"},
]
ATTEMPTS = {
    "task_killed": {"state": "KILLED", "diagnostics": "because of the others"},
    "task_failed": [{"state": "FAILED", "diagnostics": "no space"}, {"state": "FAILED", "diagnostics": " "}],
    "task_again": [{"state": "FAILED", "diagnostics": "too slow"}, {"state": "RUNNING", "diagnostics": ""}],
}


def daemon(asked: Asked) -> Answered:
    path = asked.target.partition("?")[0]
    *_, before, last = path.split("/")
    answer: dict[str, Any] = {"job": {"diagnostics": "3 tasks failed", "failedMapAttempts": 3}}
    if last == "tasks":
        answer = {"tasks": {"task": TASKS}}
    elif last == "attempts":
        answer = {"taskAttempts": {"taskAttempt": ATTEMPTS[before]}}
    return Answered(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def test_the_cause_comes_first_and_what_was_killed_for_it_last() -> None:
    with function_server(daemon) as server:
        history = HistoryServer(Rest([server.url]))
        assert history.diagnostics("job_1_2") == "no space\ntoo slow\nbecause of the others\n3 tasks failed"
        assert not [asked for asked in server.asked if "task_fine" in asked.target]


def test_a_running_job_s_master_is_asked_for_what_failed_so_far() -> None:
    (app,) = apps_of({"apps": {"app": {"id": "application_1_2", "state": "RUNNING"}}})
    with function_server(daemon) as server:
        assert ResourceManager(Rest([server.url])).troubles(app)[:2] == ["no space", "too slow"]
        assert all("/proxy/application_1_2/" in asked.target for asked in server.asked)
