from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_datamove.cli.main import main
from tests.transfer.trees import make, read


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
