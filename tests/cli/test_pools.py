"""``datamove pools`` without an Airflow: the file that ``airflow pools import`` reads, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_datamove.cli.main import main

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


def test_the_file_that_airflow_imports(tmp_path: Path) -> None:
    file = tmp_path / "pools.json"
    assert main(["pools", str(QUICKSTART), "--export", str(file)]) == 0
    pools = json.loads(file.read_text())
    assert {name: (pool["slots"], pool["include_deferred"]) for name, pool in pools.items()} == {
        "interconnect.worker": (5, False),
        "interconnect.distcp": (24, True),
        "interconnect.urgent": (3, False),
    }


def test_an_airflow_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pools", str(QUICKSTART), "--api", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == (
        "datamove: http://127.0.0.1:9: Airflow does not answer: ConnectionError. Is its API server up?\n"
    )


def test_which_airflow_must_be_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DATAMOVE_API_URL", raising=False)
    assert main(["pools", str(QUICKSTART)]) == 2
    assert "--api URL" in capsys.readouterr().err


def test_a_file_and_a_change_at_once_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pools", str(QUICKSTART), "--export", str(tmp_path / "x"), "--apply"]) == 2
    assert not (tmp_path / "x").exists()
    assert "Leave out --apply" in capsys.readouterr().err


def test_a_folder_without_platform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pools", str(tmp_path), "--export", str(tmp_path / "x")]) == 2
    assert "platform.yaml" in capsys.readouterr().err
