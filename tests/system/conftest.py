from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.quickstart.stack import HERE, Stack, up
from tests.conftest import STATE
from tests.servers import start, stop
from tests.system.driver import Driver

_SPY = """
owner: spy@initech.example
link: interconnect
max_lane: urgent
max_slots: 4
read:  ["hdfs://onprem@/data/initech/", "abfs://nowhere@drop/"]
write: ["hdfs://onprem@/data/initech/", "abfs://acme_blob@drop/initech/"]
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's folder, with a threshold of 1 MiB and a third tenant, who may copy inside HDFS."""
    home = tmp_path_factory.mktemp("datamove")
    text = (HERE / "platform.yaml").read_text()
    (home / "platform.yaml").write_text(text.replace("threshold: 32 MiB", "threshold: 1 MiB"))
    shutil.copytree(HERE / "tenants", home / "tenants")
    (home / "tenants/initech").mkdir()
    (home / "tenants/initech/tenant.yaml").write_text(_SPY)
    return home


@pytest.fixture(scope="package")
def stack(folder: Path, gcs: dict[str, Any], azurite: dict[str, Any], hadoop: dict[str, Any]) -> Iterator[Stack]:
    """Airflow on SQLite."""
    try:
        yield up(STATE, folder=folder, more=_with_anyones_dags(folder), database="")
    finally:
        stop("airflow", STATE)


@pytest.fixture
def driver(stack: Stack) -> Driver:
    return Driver(stack)


@pytest.fixture(scope="module")
def on_postgres(folder: Path, gcs: dict[str, Any], azurite: dict[str, Any], hadoop: dict[str, Any]) -> Iterator[Driver]:
    """The same Airflow on PostgreSQL, which refuses what SQLite lets through."""
    beside = STATE.with_name("test-postgres")
    dsn = start("postgres", beside)["dsn"]
    try:
        yield Driver(up(STATE, folder=folder, database=dsn, airflow_state=beside))
    finally:
        stop("airflow", beside)
        stop("postgres", beside)


def _with_anyones_dags(folder: Path) -> dict[str, str]:
    """Beside the tenants' bundle a plain folder of DAGs, as in an Airflow that others use as well."""
    bundles = [
        {
            "name": "datamove",
            "classpath": "airflow_datamove.generator.bundle.TenantsBundle",
            "kwargs": {"path": str(folder), "refresh_interval": 3},
        },
        {
            "name": "anyones",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(Path(__file__).parent / "dags")},
        },
    ]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}
