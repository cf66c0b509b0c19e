"""What decides the route is what will be copied, and not what lies beside it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.route import RouteDecision
from tests.conftest import hdfs_connection

KIB = 1024
TREE = {"picked/a.csv": 1, "picked/b.csv": 2, "c.csv": 3, "raw/large": 300 * KIB, "raw/more": 400 * KIB}


@pytest.fixture
def source(hadoop: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory in HDFS, for whoever knows Airflow's connections."""
    cluster = {"conn_type": "hadoop", "extra": {"command": hadoop["command"], "resource_manager": "127.0.0.1:1"}}
    onprem = json.dumps(hdfs_connection(dict(hadoop)))
    monkeypatch.setenv("AIRFLOW_CONN_ONPREM", onprem)
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps(cluster))
    top = f"hdfs://onprem@/sizing/{uuid.uuid4().hex}/"
    with open_store(Address.parse(top), EnvironmentConnections({"AIRFLOW_CONN_ONPREM": onprem})) as store:
        files = {name: b"x" * size for name, size in TREE.items()} | {"manifest": b"picked/a.csv\nc.csv\n"}
        for name, content in files.items():
            with store.create(f"{Address.parse(top).path}{name}", size=len(content)) as writer:
                writer.write(content)
                writer.commit()
    return top


def _decided(source: str, **options: Any) -> RouteDecision:
    operator = SizeRoutedCopyOperator(
        task_id="copy",
        source=source,
        destination="hdfs://onprem@/sizing-out/",
        hadoop_conn_id="cluster",
        threshold="256 KiB",
        **options,
    )
    context: Any = {}
    request = operator.requested(context)
    decision = operator.routed().measured(request)
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("options", "route", "amount"),
    [
        ({}, "distcp", "6 files, 700.0 KiB"),
        ({"include": ["*.csv"]}, "worker", "3 files, 6 B"),
        ({"exclude": ["raw"]}, "worker", "4 files, "),
        ({"max_size": "1KiB"}, "worker", "4 files, "),
        ({"include": ["raw"]}, "distcp", "at least 1 file, 300 KiB"),
        ({"exclude": ["large"]}, "distcp", "at least "),
        ({"min_size": "350KiB"}, "distcp", "at least 1 file, 400 KiB"),
        ({"manifest": "{}manifest"}, "worker", "2 files, 4 B"),
    ],
)
def test_the_route_follows_from_what_is_asked_for(
    source: str, options: dict[str, Any], route: str, amount: str
) -> None:
    options = {name: each.format(source) if isinstance(each, str) else each for name, each in options.items()}
    decision = _decided(source, **options)
    assert (decision.route, decision.reason[: len(amount)]) == (route, amount), decision
