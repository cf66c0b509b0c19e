from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from tests.distcp.tree import Place
from tests.servers import start

STATE = Path(os.environ.get("DATAMOVE_STACK") or Path(__file__).parents[2] / ".stack" / "test")


@pytest.fixture(scope="session")
def cluster() -> Mapping[str, str]:
    """The facts of a real Hadoop whose maps reach the Cloud Storage of `bucket`."""
    return start("hadoop", STATE, gcs_url=start("gcs", STATE)["url"])


@pytest.fixture(scope="session")
def ends(cluster: Mapping[str, str]) -> Connections:
    """Connections `onprem` (HDFS), `gcp` (Cloud Storage) and `hadoop`."""
    web = urlsplit(cluster["webhdfs"])
    gcs = start("gcs", STATE)["url"]
    connections = {
        "onprem": {
            "conn_type": "webhdfs",
            "host": web.hostname,
            "port": web.port,
            "login": "root",
            "extra": {"name_node": cluster["namenode"]},
        },
        "gcp": {
            "conn_type": "google_cloud_platform",
            "extra": {"is_anonymous": True, "project": "p", "endpoint": gcs},
        },
        "hadoop": {
            "conn_type": "hadoop",
            "login": "root",
            "extra": {
                "command": cluster["command"],
                "conf_dir": cluster["conf_dir"],
                "resource_manager": cluster["resourcemanager"],
                "history_server": cluster["history"],
            },
        },
    }
    return EnvironmentConnections({f"AIRFLOW_CONN_{name.upper()}": json.dumps(c) for name, c in connections.items()})


@pytest.fixture(scope="session")
def job(ends: Connections) -> DistCpJob:
    return DistCpJob(ends.get("hadoop"), ends)


@pytest.fixture
def hdfs(ends: Connections) -> Iterator[Place]:
    """A fresh folder on the cluster."""
    address = Address.parse(f"hdfs://onprem@/distcp-tests/{uuid.uuid4().hex[:12]}")
    with open_store(address, ends) as store:
        yield Place(store, address)


@pytest.fixture
def bucket(ends: Connections, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A fresh bucket."""
    url = start("gcs", STATE)["url"]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    name = f"distcp-{uuid.uuid4().hex[:12]}"
    requests.post(f"{url}/storage/v1/b", params={"project": "p"}, json={"name": name}, timeout=10).raise_for_status()
    address = Address.parse(f"gs://gcp@{name}/")
    store: Store = open_store(address, ends)
    with store:
        yield Place(store, address)
