"""The rate holds on the link itself, not only where the bytes have been fetched already."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from tests.conftest import gcs_connection
from tests.transfer.counting_proxy import counting_proxy
from tests.transfer.trees import destination_of, make, read, source_of

MIB = 2**20
RATE = 4 * MIB
# A quarter of a second's worth lies ready at the readers; the rest is headers, and the buffers of this machine's TCP.
ALLOWED = RATE // 4 + MIB


@pytest.mark.parametrize(("files", "size"), [(8, 3 * MIB // 2), (1, 10 * MIB)])
@pytest.mark.parametrize("scheme", ["gs", "abfs"])
def test_what_comes_from_a_store_keeps_to_the_rate(
    tmp_path: Path,
    scheme: str,
    files: int,
    size: int,
    azurite: dict[str, Any],
    gcs: dict[str, Any],
    connections: EnvironmentConnections,
    buckets: dict[str, str],
) -> None:
    make(tmp_path / "s", {f"f{number}": os.urandom(size) for number in range(files)})
    there = Address.parse(f"{buckets[scheme]}/throttled-{tmp_path.name}")
    copy(source_of(tmp_path / "s"), there, connections)
    server = urlsplit(gcs["url"] if scheme == "gs" else azurite["blob"])
    assert server.port is not None
    with counting_proxy(server.port) as passed:
        near = f"127.0.0.1:{passed.port}"
        values = {
            "gs": gcs_connection({**gcs, "url": f"http://{near}"}),
            "abfs": {
                "conn_type": "wasb",
                "host": f"http://{near}{server.path}",
                "login": azurite["account"],
                "password": azurite["key"],
            },
        }
        slow = EnvironmentConnections(
            {"AIRFLOW_CONN_GCP": json.dumps(values["gs"]), "AIRFLOW_CONN_BLOB": json.dumps(values["abfs"])}
        )
        started = time.monotonic()
        copy(there, destination_of(tmp_path / "t"), slow, CopyOptions(rate=RATE))
        seconds = time.monotonic() - started
    assert read(tmp_path / "t") == read(tmp_path / "s")
    assert sum(count for _, count in passed.chunks) >= files * size
    assert passed.most_above(RATE, started) < ALLOWED
    assert files * size / RATE - 0.2 <= seconds < 30
