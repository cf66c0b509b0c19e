"""A retry beside a job that runs, while the client it was submitted by is gone or cannot be reached."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob, DistCpRequest
from airflow_datamove.errors import ClusterUnavailable, TrackingLost
from airflow_datamove.operators import patience
from airflow_datamove.operators.patience import find_cluster, having_found_cluster
from airflow_datamove.stores.connection import Connection, EnvironmentConnections
from airflow_datamove.transfer.options import CopyOptions
from tests.stores.function_server import Answered, Asked, Script, function_server

CONNECTIONS = EnvironmentConnections(
    {
        "AIRFLOW_CONN_NN": json.dumps({"conn_type": "webhdfs", "host": "nn", "extra": {"name_node": "hdfs://nn:8020"}}),
        "AIRFLOW_CONN_EDGE": json.dumps(
            {"conn_type": "ssh", "host": "127.0.0.1", "port": 9, "login": "x", "extra": {"no_host_key_check": True}}
        ),
    }
)
GONE: list[dict[str, Any]] = [{"command": "/nowhere/hadoop"}, {"command": "hadoop", "ssh_conn_id": "edge"}]


@pytest.fixture
def yarn() -> Iterator[Script]:
    """A resource manager that knows one job, which runs."""

    def answer(asked: Asked) -> Answered:
        app = {"id": "application_1_1", "state": "RUNNING", "applicationTags": "t"}
        body = {"clusterInfo": {}} if asked.target.endswith("/info") else {"apps": {"app": [app]}}
        return Answered(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    with function_server(answer) as server:
        yield server


def job(extra: dict[str, Any], manager: str) -> DistCpJob:
    return DistCpJob(Connection("h", "hadoop", extra={**extra, "resource_manager": manager}), CONNECTIONS)


def asked(tag: str) -> DistCpRequest:
    source, destination = Address.parse("hdfs://nn@/s"), Address.parse("hdfs://nn@/t")
    return DistCpRequest(source, destination, CopyOptions(), tag, "name", 1, 1)


@pytest.mark.parametrize("extra", GONE)
def test_a_job_is_joined_without_a_client(yarn: Script, extra: dict[str, Any]) -> None:
    there = job(extra, yarn.url)
    find_cluster(there, threading.Event(), first_try=False)
    ref = there.submit(asked("t"))
    assert (ref.application_id, ref.joined) == ("application_1_1", True)
    # Where there is none to join, a later try is not the last word either.
    with pytest.raises(TrackingLost) as caught, having_found_cluster():
        there.submit(asked("another"))
    assert caught.value.retryable


@pytest.mark.parametrize("extra", GONE)
def test_at_the_first_try_a_client_that_stays_away_is_final(
    yarn: Script, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_SECONDS", 0.3)
    monkeypatch.setattr(patience, "_PAUSE", 0.1)
    with pytest.raises(ClusterUnavailable, match="connection 'h'"):
        find_cluster(job(extra, yarn.url), threading.Event(), first_try=True)


def test_a_resource_manager_that_is_away_later_may_have_a_job_of_ours() -> None:
    with pytest.raises(TrackingLost, match="connection 'h'"):
        find_cluster(job({"command": "true"}, "http://127.0.0.1:9"), threading.Event(), first_try=False)
