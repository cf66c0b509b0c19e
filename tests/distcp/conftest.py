from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection, hdfs_connection
from tests.distcp.tree import Place


@pytest.fixture(scope="session")
def cluster(hadoop: dict[str, str], gcs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The facts of a real Hadoop, with a client's configuration that names the tests' own Cloud Storage.

    It travels to the maps in job.xml, so the cluster need not be started again for it.
    """
    conf = tmp_path_factory.mktemp("conf")
    shutil.copytree(hadoop["conf_dir"], conf, dirs_exist_ok=True)
    site = ElementTree.parse(conf / "core-site.xml")
    root = site.getroot()
    for entry in [each for each in root if each.findtext("name") == "fs.gs.storage.root.url"]:
        root.remove(entry)
    added = ElementTree.SubElement(root, "property")
    ElementTree.SubElement(added, "name").text = "fs.gs.storage.root.url"
    ElementTree.SubElement(added, "value").text = f"{gcs['url']}/"
    site.write(conf / "core-site.xml")
    return {**hadoop, "conf_dir": str(conf)}


@pytest.fixture(scope="session")
def ends(cluster: Mapping[str, str], gcs: dict[str, str]) -> Connections:
    """Connections `onprem` (HDFS), `gcp` (Cloud Storage) and `hadoop`."""
    connections = {
        "ONPREM": hdfs_connection(dict(cluster)),
        "GCP": gcs_connection(gcs),
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
    return EnvironmentConnections({f"AIRFLOW_CONN_{name}": json.dumps(each) for name, each in connections.items()})


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
