from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.cli.main import main
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from tests.conftest import hdfs_connection
from tests.transfer.ends import Ends
from tests.transfer.trees import make, read


@pytest.fixture
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Ends:
    return Ends(request.getfixturevalue, tmp_path)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plan_tells_everything_and_moves_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"a": b"12", "b": b"345", "d/c": b"6"}, modified=1_000_000_000)
    make(here / "t", {"a": b"12", "old": b"x"})
    assert main(["plan", "s", "t", "--mirror", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["bytes"], found["would_skip"], found["would_delete"]) == (2, 4, 1, 1)
    assert (found["route"], found["conflicts"]) == ("worker", [])
    assert found["reason"] == "3 files, 6 B: below the threshold of 1 GiB"
    assert read(here / "t") == {"a": b"12", "old": b"x"}


def test_conflicts_are_told_and_the_exit_code_is_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"a/x": b"1", "b": b"1"})
    make(here / "t", {"a": b"1", "b/y": b"1"})
    assert main(["plan", "s", "t"]) == 1
    out = capsys.readouterr().out
    assert f"conflict    {here}/t/a is a file where a directory must be" in out
    assert f"conflict    {here}/t/b is a directory where a file must be" in out


def test_the_route_follows_the_threshold(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"a": b"12"})
    assert main(["plan", "s", "t", "--threshold", "1B"]) == 0
    assert "worker (1 file, 2 B: not below the threshold of 1 B, but no Hadoop" in capsys.readouterr().out


def test_a_plan_of_distcp_s_shows_its_command(
    hadoop: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = {"command": hadoop["command"], "resource_manager": hadoop["resourcemanager"]}
    monkeypatch.setenv("AIRFLOW_CONN_ONPREM", json.dumps(hdfs_connection(hadoop)))
    monkeypatch.setenv("AIRFLOW_CONN_HADOOP", json.dumps({"conn_type": "hadoop", "extra": cluster}))
    top = f"/plan-tests/{uuid.uuid4().hex}"
    with open_store(Address.parse("hdfs://onprem@/"), EnvironmentConnections()) as store:
        store.put(f"{top}/s/a b", memoryview(bytes(3 * 2**20)))
        store.put(f"{top}/s/c.tmp", memoryview(b"1"))
        store.put(f"{top}/clash", memoryview(b"1"))
    words = ["--route", "distcp", "--hadoop", "hadoop", "--rate", "1MiB/s", "--exclude", "*.tmp"]
    source = f"hdfs://onprem@{top}/s"
    assert main(["plan", source, f"hdfs://onprem@{top}/t", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["filtered"], found["maps"], found["rate"]) == (1, 1, 1, 2**20)
    assert (found["minutes"], found["route"]) == (0.1, "distcp")
    assert found["cluster"] == ""
    assert found["command"][:2] == [hadoop["command"], "distcp"]
    assert found["command"][-2:] == [f"{hadoop['namenode']}{top}/{name}/" for name in ("s", "t")]
    assert main(["plan", source, f"hdfs://onprem@{top}/t", *words]) == 0
    told = capsys.readouterr().out
    assert "maps        1 at once, 1 MiB/s together\n" in told
    assert "cluster     answers, and its client is there\n" in told
    assert f"command     {hadoop['command']} distcp " in told
    assert "not to be run: its list is gone with this plan" in told
    for wrong, words_of_it in (
        ({"resource_manager": "http://127.0.0.1:9"}, "no Hadoop cluster answers for connection 'hadoop'"),
        ({"command": "/nowhere/hadoop"}, "'/nowhere/hadoop' of connection 'hadoop' is not on this machine"),
    ):
        extra = {**cluster, **wrong}
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_HADOOP", json.dumps({"conn_type": "hadoop", "extra": extra}))
            assert main(["plan", source, f"hdfs://onprem@{top}/t", *words]) == 1
            told = capsys.readouterr().out
            assert re.search(f"^cluster     .*{words_of_it}", told, re.MULTILINE)
            assert "copy        1 file, 3 MiB\n" in told
    assert main(["plan", source, f"hdfs://onprem@{top}/clash", *words]) == 1
    assert "is a file where a directory must be" in capsys.readouterr().out


def test_files_that_would_fail_are_told_and_the_exit_code_is_one(
    here: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end = ends("abfs")
    for name, value in end.environment.items():
        monkeypatch.setenv(name, value)
    make(here, {"s/a\\b": b"1", "s/fine": b"1", "list": b"gone\na\\b\nfine\n"})
    assert main(["plan", "s", str(end.at("t"))]) == 1
    out = capsys.readouterr().out
    assert "would fail  '/" in out
    assert "/t/a\\\\b': the destination cannot hold this name" in out
    assert "fine" not in out
    assert main(["plan", "s", "t", "--manifest", "list", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["would_fail"], found["conflicts"]) == (2, 1, [])
    assert found["failures"][0].startswith("gone: ")
