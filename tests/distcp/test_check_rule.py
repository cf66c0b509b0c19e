"""``datamove check-rule`` with a real cluster and the object stores that it reaches, or does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from airflow_datamove.cli.main import main
from tests.distcp.tree import Place
from tests.servers.hadoop.configuration import write_client_configuration


@pytest.fixture
def _named(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def check(source: Place, destination: Place) -> int:
    ends = ("--scratch", str(source.at("")), "--to", str(destination.at("")))
    return main(["check-rule", "--connection", "hadoop", *ends, "--cases", "1", "--seed", "1"])


def rule_directories(place: Place) -> list[str]:
    return [entry.name for entry in place.store.list(place.path(""))] if place.store.exists(place.path("")) else []


@pytest.mark.usefixtures("_named")
def test_from_hdfs_to_object_stores(hdfs: Place, s3: Place, bucket: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for destination in (s3, bucket):
        assert check(hdfs, destination) == 0
        assert capsys.readouterr().out == "1 case by worker and distcp: as the path rule says\n"
        left = destination.store.walk("/")
        assert not [entry for entry in left if entry.path.startswith(destination.path(""))]
        assert rule_directories(hdfs) == []


@pytest.mark.usefixtures("_named")
def test_a_store_that_the_cluster_does_not_reach_is_no_case_that_goes_wrong(
    cluster: Mapping[str, str],
    variables: dict[str, str],
    hdfs: Place,
    s3: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_client_configuration(tmp_path, Path(cluster["conf_dir"]), {"s3_secret_key": "wrong"})
    hadoop = json.loads(variables["AIRFLOW_CONN_HADOOP"])
    hadoop["extra"]["conf_dir"] = str(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_HADOOP", json.dumps(hadoop))
    assert check(hdfs, s3) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "s3a://datamove-tests/" in told.err
    assert "Status Code: 403" in told.err
    assert "Give the cluster credentials" in told.err
    assert "cases" not in told.err
    assert not s3.store.exists(s3.path(""))
    assert rule_directories(hdfs) == []
