from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection, hdfs_connection, s3_connection
from tests.distcp.tree import Place
from tests.servers.hadoop.configuration import write_client_configuration


@pytest.fixture(scope="session")
def cluster(
    hadoop: dict[str, str],
    gcs: dict[str, str],
    seaweedfs: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, str]:
    """The facts of a real Hadoop, with a client's configuration that names the tests' own object stores."""
    conf = tmp_path_factory.mktemp("conf")
    stores = {"gcs_url": gcs["url"], **{f"s3_{name}": value for name, value in seaweedfs.items()}}
    write_client_configuration(conf, Path(hadoop["conf_dir"]), stores)
    return {**hadoop, "conf_dir": str(conf)}


@pytest.fixture(scope="session")
def variables(cluster: Mapping[str, str], gcs: dict[str, str], seaweedfs: dict[str, str]) -> dict[str, str]:
    """The variables that name the connections `onprem` (HDFS), `gcp` (Cloud Storage), `s3` and `hadoop`."""
    connections = {
        "ONPREM": hdfs_connection(dict(cluster)),
        "GCP": gcs_connection(gcs),
        "S3": s3_connection(seaweedfs),
        "HADOOP": {
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
    return {f"AIRFLOW_CONN_{name}": json.dumps(each) for name, each in connections.items()}


@pytest.fixture(scope="session")
def ends(variables: dict[str, str]) -> Connections:
    """The connections of :func:`variables`."""
    return EnvironmentConnections(variables)


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
def bucket(ends: Connections, gcs: dict[str, str]) -> Iterator[Place]:
    """A fresh bucket."""
    url = gcs["url"]
    name = f"distcp-{uuid.uuid4().hex[:12]}"
    requests.post(f"{url}/storage/v1/b", params={"project": "p"}, json={"name": name}, timeout=10).raise_for_status()
    address = Address.parse(f"gs://gcp@{name}/")
    with open_store(address, ends) as store:
        yield Place(store, address)


@pytest.fixture
def s3(ends: Connections) -> Iterator[Place]:
    """A fresh folder in the tests' bucket of S3."""
    address = Address.parse(f"s3://s3@datamove-tests/distcp/{uuid.uuid4().hex[:12]}")
    with open_store(address, ends) as store:
        store.create_root()
        yield Place(store, address)
