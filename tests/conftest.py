"""Real servers for the tests, started when the first test asks for one and stopped at the end of the session."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.stores.connection import EnvironmentConnections
from tests.servers import start, status, stop

pytest.register_assert_rewrite("tests.stores.contract", "tests.stores.parts_contract")

STATE = Path(__file__).resolve().parents[1] / ".stack" / "test"

# Airflow makes a home as soon as it is imported; a person's own must not be touched.
os.environ["AIRFLOW_HOME"] = str(STATE / "unit-airflow")


@pytest.fixture(scope="session")
def hadoop() -> Iterator[dict[str, Any]]:
    yield from _running("hadoop")


@pytest.fixture(scope="session")
def azurite() -> Iterator[dict[str, Any]]:
    yield from _running("azurite")


@pytest.fixture(scope="session")
def gcs() -> Iterator[dict[str, Any]]:
    yield from _running("gcs")


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[dict[str, Any]]:
    yield from _running("seaweedfs")


@pytest.fixture(scope="session")
def sftp() -> Iterator[dict[str, Any]]:
    yield from _running("sftp")


@pytest.fixture(scope="session")
def ssh() -> Iterator[dict[str, Any]]:
    yield from _running("ssh")


@pytest.fixture(scope="session")
def environment(hadoop: dict[str, Any], azurite: dict[str, Any], gcs: dict[str, Any]) -> dict[str, str]:
    """The variables that name the connections ``onprem``, ``blob`` and ``gcp``."""
    return {
        "AIRFLOW_CONN_ONPREM": json.dumps(hdfs_connection(hadoop)),
        "AIRFLOW_CONN_BLOB": json.dumps(
            {"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}}
        ),
        "AIRFLOW_CONN_GCP": json.dumps(gcs_connection(gcs)),
    }


@pytest.fixture(scope="session")
def connections(environment: dict[str, str]) -> EnvironmentConnections:
    return EnvironmentConnections(environment)


def hdfs_connection(hadoop: dict[str, Any], login: str = "root") -> dict[str, Any]:
    host, _, port = hadoop["webhdfs"].rpartition("//")[2].partition(":")
    extra = {"name_node": hadoop["namenode"]}
    return {"conn_type": "webhdfs", "host": host, "port": int(port), "login": login, "extra": extra}


def gcs_connection(gcs: dict[str, Any]) -> dict[str, Any]:
    extra = {"is_anonymous": True, "project": "p", "endpoint": gcs["url"]}
    return {"conn_type": "google_cloud_platform", "extra": extra}


def s3_connection(facts: dict[str, Any]) -> dict[str, Any]:
    extra = {"endpoint_url": facts["url"], "region_name": facts["region"]}
    return {"conn_type": "aws", "login": facts["access_key"], "password": facts["secret_key"], "extra": extra}


def sftp_connection(facts: dict[str, Any]) -> dict[str, Any]:
    extra = {"key_file": facts["key_file"], "host_key": facts["host_key"], "no_host_key_check": False}
    port = int(facts["port"])
    return {"conn_type": "sftp", "host": facts["host"], "port": port, "login": facts["user"], "extra": extra}


def _running(name: str) -> Iterator[dict[str, Any]]:
    """A server's facts; what ran before the tests is left running after them."""
    ran_before = any(row.alive for row in status(STATE) if row.name == name)
    yield dict(start(name, STATE))
    if not ran_before:
        stop(name, STATE)
