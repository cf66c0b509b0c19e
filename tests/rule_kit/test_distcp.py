"""DistCp's route, the worker's and the model of the path rule agree, with real DistCp on a real HDFS, and between it
and a disk, Cloud Storage and S3.

More cases by DATAMOVE_RULE_CASES.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from airflow_datamove.rule_kit.cases import cases
from airflow_datamove.rule_kit.model import Case
from airflow_datamove.rule_kit.trial import Trial
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import copy
from tests.rule_kit.distcp_loop import DistCpLoop
from tests.servers.hadoop.configuration import write_client_configuration
from tests.transfer.ends import Ends

CASES = int(os.environ.get("DATAMOVE_RULE_CASES", "120"))


SHARES = {
    ("hdfs", "hdfs"): 0.3,
    ("file", "hdfs"): 0.1,
    ("hdfs", "file"): 0.1,
    ("hdfs", "gs"): 0.125,
    ("gs", "hdfs"): 0.125,
    ("hdfs", "s3"): 0.125,
    ("s3", "hdfs"): 0.125,
}


@pytest.fixture(scope="module")
def loop(
    hadoop: dict[str, Any],
    gcs: dict[str, Any],
    seaweedfs: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DistCpLoop]:
    folder = tmp_path_factory.mktemp("distcp")
    stores = {"gcs_url": gcs["url"], **{f"s3_{name}": value for name, value in seaweedfs.items()}}
    write_client_configuration(folder / "conf", Path(hadoop["conf_dir"]), stores)
    with DistCpLoop(hadoop, folder / "conf", folder / "log") as running:
        yield running


@pytest.mark.timeout(300 + 4 * CASES)
@pytest.mark.parametrize(("source", "destination"), SHARES)
def test_all_routes_do_what_the_rule_says(ends: Ends, loop: DistCpLoop, source: str, destination: str) -> None:
    one, other = ends(source), ends(destination)
    connections = EnvironmentConnections({**one.environment, **other.environment})
    compares = source == destination == "hdfs"

    with Trial(
        one.at("rule"),
        other.at("rule"),
        connections,
        {
            "worker": lambda source, destination, options: copy(source, destination, connections, options),
            "distcp": lambda source, destination, options: loop.copy(source, destination, options, connections),
        },
        compares=compares,
    ) as trial:

        @settings(
            max_examples=round(CASES * SHARES[source, destination]),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=(Phase.generate, Phase.shrink),
        )
        @given(cases(source, destination, compares=compares, keeps_times=destination in ("file", "hdfs")))
        def hold(case: Case) -> None:
            assert not trial.differences(case)

        hold()
