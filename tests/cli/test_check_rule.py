"""What ``check-rule`` says of its arguments, and what it leaves; with a cluster it is ``tests/distcp``'s."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_datamove.cli.main import main

pytest.importorskip("hypothesis")


@pytest.mark.parametrize("cases", ["0", "-3", "many"])
def test_a_number_of_cases_is_one_or_more(cases: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-rule", "--scratch", str(tmp_path), "--cases", cases]) == 2
    told = capsys.readouterr().err
    assert f"{cases} is no number of cases: write 1 or more" in told
    assert "max_examples" not in told


def test_nothing_is_left_where_all_was_as_it_must_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, destination = tmp_path / "s", tmp_path / "t"
    source.mkdir()
    destination.mkdir()
    words = ["check-rule", "--scratch", str(source), "--to", str(destination), "--seed", "1"]
    assert main([*words, "--cases", "1"]) == 0
    assert capsys.readouterr().out == "1 case by worker: as the path rule says\n"
    assert main([*words, "--cases", "3"]) == 0
    assert capsys.readouterr().out == "3 cases by worker: as the path rule says\n"
    assert list(source.iterdir()) == list(destination.iterdir()) == []


def test_what_distcp_cannot_reach_is_told_with_what_there_is_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps({"conn_type": "hadoop", "extra": extra}))
    assert main(["check-rule", "--scratch", str(tmp_path), "--connection", "c"]) == 2
    told = capsys.readouterr().err
    assert "DistCp cannot reach file://" in told
    assert "Leave out --connection" in told
    assert "route" not in told
    assert list(tmp_path.iterdir()) == []
