"""Hadoop and Airflow whose parts may be killed: Airflow notices a lost process in seconds instead of minutes.

Airflow's database is a PostgreSQL: an API server on SQLite answers 500 when the scheduler writes for long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_datamove.stores.connection import EnvironmentConnections
from examples.quickstart.stack import Stack
from tests.conftest import hdfs_connection
from tests.servers import start, stop
from tests.servers.process import Process
from tests.servers.record import read_record
from tests.system.driver import Driver

_DAGS = Path(__file__).parents[1] / "system/dags"
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}


@dataclass(frozen=True)
class KillStack:
    """What runs."""

    state: Path
    driver: Driver
    resource_manager: str

    @classmethod
    @contextmanager
    def up(cls, state: Path) -> Iterator[KillStack]:
        """Starts all, and stops them at the end."""
        try:
            hadoop = start("hadoop", state)
            cluster = {
                "conn_type": "hadoop",
                "login": "root",
                "extra": {
                    "command": hadoop["command"],
                    "conf_dir": hadoop["conf_dir"],
                    "resource_manager": hadoop["resourcemanager"],
                    "history_server": hadoop["history"],
                },
            }
            env = {
                "AIRFLOW_CONN_ONPREM": json.dumps(hdfs_connection(dict(hadoop))),
                "AIRFLOW_CONN_CLUSTER": json.dumps(cluster),
            }
            bundle = {
                "name": "anyones",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(_DAGS)},
            }
            bundles = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle])}
            database = start("postgres", state)["dsn"]
            airflow = start("airflow", state, env={**env, **QUICK, **bundles}, database=database)
            stack = Stack(
                state=state,
                url=airflow["url"],
                username=airflow["username"],
                password=airflow["password"],
                connections=EnvironmentConnections(env),
                resource_manager=hadoop["resourcemanager"],
                env=env,
                viewer=("", ""),
            )
            yield cls(state, Driver(stack), hadoop["resourcemanager"])
        finally:
            for server in ("airflow", "hadoop", "postgres"):
                stop(server, state)

    def start(self, server: str) -> None:
        """Starts what does not run of a server, with the options of before."""
        start(server, self.state)

    def process(self, server: str, daemon: str) -> Process:
        """A daemon's process."""
        return read_record(self.state / server).entries[daemon].process
