"""The examples are sound: their YAML has no mistake, their DAGs can be read."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_datamove.cli.main import main
from airflow_datamove.generator.tenant_dags import build_dags

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_azure_to_azure_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    folder = EXAMPLES / "azure_to_azure"
    assert main(["lint", str(folder)]) == 0
    assert capsys.readouterr().out == "no mistakes; 1 sound pipeline\n"
    dags = build_dags(folder, "lake", file="x.py")
    assert set(dags) == {"lake.incoming", "lake.copy.bulk", "lake.copy.normal"}
    found = runpy.run_path(str(folder / "a_dag_of_your_own.py"))
    assert found["DAG"] is DAG
