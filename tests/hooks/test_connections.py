"""Airflow's connections as the engine's, with nothing lost and nothing shown."""

from __future__ import annotations

import asyncio

import pytest

from airflow_datamove.errors import ConnectionNotFound
from airflow_datamove.hooks.connections import AirflowConnections, FetchedConnections

URI = "webhdfs://ann:hunter2@nn:9870/schema?name_node=hdfs%3A%2F%2Fnn%3A8020"


def test_a_connection_of_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ONPREM", URI)
    found = AirflowConnections().get("onprem")
    assert (found.type, found.host, found.port, found.login, found.password) == (
        "webhdfs",
        "nn",
        9870,
        "ann",
        "hunter2",
    )
    assert found.extra == {"name_node": "hdfs://nn:8020"}
    assert "hunter2" not in repr(found)


def test_connections_are_fetched_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ONPREM", URI)
    fetched = asyncio.run(FetchedConnections.fetch(["onprem", "", "onprem"]))
    assert fetched.get("onprem").host == "nn"
    with pytest.raises(ConnectionNotFound, match="other"):
        fetched.get("other")


def test_a_connection_that_is_not_there() -> None:
    with pytest.raises(ConnectionNotFound, match=r"there is no connection 'nowhere'\. Make it in Airflow's UI"):
        AirflowConnections().get("nowhere")
    with pytest.raises(ConnectionNotFound):
        asyncio.run(FetchedConnections.fetch(["nowhere"]))
