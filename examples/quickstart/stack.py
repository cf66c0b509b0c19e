"""The quickstart's stack: real servers, connections, pools, and the two tenants of this folder.

`python -m examples.quickstart.stack up` starts it and prints where it is; `make down` stops it.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_datamove import client
from airflow_datamove.scheduling.links import pools_of
from airflow_datamove.scheduling.pools import PoolsApi
from airflow_datamove.spec.folder import read_model
from airflow_datamove.spec.platform import Platform
from airflow_datamove.stores.connection import EnvironmentConnections
from examples.quickstart.airflow_api import AirflowApi
from examples.quickstart.failing import doing, explain, interruptible
from tests.servers import StartFailed, default_state, start

HERE = Path(__file__).resolve().parent
BUCKETS = ("acme-lake",)
CONTAINERS = ("drop", "globex")


DAGS = ("acme.copy.normal", "acme.orders", "globex.copy.normal", "globex.suppliers")


@dataclass(frozen=True)
class Stack:
    """What runs, and how to reach it."""

    state: Path
    url: str
    username: str
    password: str
    connections: EnvironmentConnections
    """The connections that Airflow has, for who looks at the stores from here."""
    resource_manager: str
    env: Mapping[str, str]
    viewer: tuple[str, str]
    """Name and password of a user who may only look."""

    def api(self) -> AirflowApi:
        """Airflow's REST API, logged in."""
        return AirflowApi(self.url, self.username, self.password)


def up(
    state: Path,
    *,
    folder: Path = HERE,
    more: Mapping[str, str] | None = None,
    database: str | None = None,
    airflow_state: Path | None = None,
    dags: Collection[str] = DAGS,
) -> Stack:
    """Starts what does not run yet, and brings pools and DAGs in.

    :param folder: the folder that holds `platform.yaml` and `tenants/`.
    :param more: environment variables for Airflow.
    :param database: address of Airflow's database; by default SQLite, or `DATAMOVE_AIRFLOW_DB`.
    :param dags: those to wait for.
    :param airflow_state: where Airflow keeps its state, if it is a second one beside the same stores.
    """
    gcs = _start("gcs", state)
    azurite = _start("azurite", state)
    hadoop = _start("hadoop", state, gcs_url=gcs["url"])
    env = connection_variables(gcs, azurite, hadoop)
    with doing("while making the buckets"):
        _make_buckets(gcs["url"])
    with doing("while making the containers"):
        _make_containers(azurite["connection_string"])
    home = airflow_state or state
    airflow = _start("airflow", home, env={**env, **_bundle(home, folder), **(more or {})}, database=database)
    platform, _ = read_model(folder / "platform.yaml", "platform.yaml", Platform)
    with doing("while making Airflow's pools"):
        login = client.AirflowApi(airflow["url"], username=airflow["username"], password=airflow["password"])
        pools = PoolsApi(login)
        pools.apply(pools.changes(pools_of(platform)))
    stack = Stack(
        state=home,
        url=airflow["url"],
        username=airflow["username"],
        password=airflow["password"],
        connections=EnvironmentConnections(env),
        resource_manager=hadoop["resourcemanager"],
        env=env,
        viewer=(airflow["viewer_username"], airflow["viewer_password"]),
    )
    with doing("while waiting for the DAGs"):
        _wait_for_dags(stack.api(), frozenset(dags))
    return stack


def connection_variables(
    gcs: Mapping[str, str], azurite: Mapping[str, str], hadoop: Mapping[str, str]
) -> dict[str, str]:
    """The connections of both tenants and of the cluster, as Airflow's environment variables."""
    host, _, port = hadoop["webhdfs"].removeprefix("http://").partition(":")
    blob = {"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}}
    connections = {
        "ONPREM": {
            "conn_type": "webhdfs",
            "host": host,
            "port": int(port),
            "login": getpass.getuser(),
            "extra": {"name_node": hadoop["namenode"]},
        },
        "CLUSTER": {
            "conn_type": "hadoop",
            "login": getpass.getuser(),
            "extra": {
                "command": hadoop["command"],
                "conf_dir": hadoop["conf_dir"],
                "resource_manager": hadoop["resourcemanager"],
                "history_server": hadoop["history"],
            },
        },
        "ACME_GCP": {
            "conn_type": "google_cloud_platform",
            "extra": {"is_anonymous": True, "project": "quickstart", "endpoint": gcs["url"]},
        },
        "ACME_BLOB": blob,
        "GLOBEX_BLOB": blob,
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()}


def _bundle(state: Path, folder: Path) -> dict[str, str]:
    bundle = {
        "name": "datamove",
        "classpath": "airflow_datamove.generator.bundle.TenantsBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 3},
    }
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(state.resolve() / "airflow" / "bundles"),
    }


def _start(name: str, state: Path, **options: Any) -> Mapping[str, str]:
    began = time.monotonic()
    sys.stderr.write(f"starting {name} ... ")
    sys.stderr.flush()
    try:
        with doing(f"while starting {name}"):
            facts = start(name, state, **options)
    except BaseException:
        sys.stderr.write("\n")
        raise
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")
    return facts


def _make_buckets(url: str) -> None:
    import requests

    for bucket in BUCKETS:
        answer = requests.post(f"{url}/storage/v1/b?project=quickstart", json={"name": bucket}, timeout=30)
        if answer.status_code not in (200, 409):
            answer.raise_for_status()


def _make_containers(connection_string: str) -> None:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(connection_string) as service:
        for container in CONTAINERS:
            try:
                service.create_container(container)
            except ResourceExistsError:
                continue


def _wait_for_dags(api: AirflowApi, wanted: frozenset[str], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while missing := wanted - api.dag_ids():
        if time.monotonic() > deadline:
            raise StartFailed(f"Airflow does not show the DAGs {', '.join(sorted(missing))} after {seconds:.0f} s")
        time.sleep(0.5)


def _hints(stack: Stack) -> str:
    request = {
        "logical_date": None,
        "conf": {
            "source": "hdfs://onprem@/data/acme/hello/",
            "destination": "abfs://acme_blob@drop/hello/",
            "client": "you",
        },
    }
    runs = f"{stack.url}/api/v2/dags/acme.copy.normal/dagRuns"
    login = json.dumps({"username": stack.username, "password": stack.password})
    kind = "Content-Type: application/json"
    return f"""
Airflow's UI   {stack.url}
login          {stack.username} / {stack.password}
YARN's UI      {stack.resource_manager}

A token, a small request, its status:

TOKEN=$(curl -s {stack.url}/auth/token -H '{kind}' -d '{login}' | cut -d '"' -f 4)
curl -s {runs} -H "Authorization: Bearer $TOKEN" -H '{kind}' \\
  -d '{json.dumps(request)}'
curl -s "{runs}?order_by=-run_after&limit=1" -H "Authorization: Bearer $TOKEN"

`make status` says what runs, `make down` stops it.
"""


def main() -> int:
    """`up` starts the stack, and puts a little data where the printed request finds it."""
    from examples.quickstart.data import put_hello

    if sys.argv[1:] != ["up"]:
        sys.stderr.write("usage: python -m examples.quickstart.stack up\n")
        return 2
    interruptible()
    state = default_state()
    try:
        stack = up(state)
        with doing("while putting the first files into HDFS"):
            put_hello(stack.connections)
    except Exception as error:
        sys.stderr.write(f"{explain(error, state)}\n`make down` stops what was started\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; `make down` stops what was started\n")
        return 1
    sys.stdout.write(_hints(stack))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    raise SystemExit(main())
