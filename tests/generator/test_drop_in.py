"""The two drop-in files, as Airflow itself reads a DAG folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("RESULT" + json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors}))
"""


def read_dag_folder(folder: Path, tmp_path: Path) -> dict[str, object]:
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__DATAMOVE__FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [sys.executable, "-c", READ, str(ROOT / "dags")], env=env, capture_output=True, text=True, timeout=120
    )
    assert "RESULT" in done.stdout, done.stderr
    result: dict[str, object] = json.loads(done.stdout.partition("RESULT")[2])
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "folder"
    shutil.copytree(ROOT / "examples/quickstart", home)
    return home


def test_healthy_dags_and_mistakes_come_from_two_files(folder: Path, tmp_path: Path) -> None:
    (folder / "tenants/acme/broken.pipeline.yaml").write_text("steps: 3")
    (folder / "tenants/globex/other.pipeline.yaml").write_text("stepps: 3")
    result = read_dag_folder(folder, tmp_path)
    assert {"acme.orders", "acme.copy.urgent", "globex.suppliers"} <= set(result["dags"])  # type: ignore[call-overload]
    errors = result["errors"]
    assert isinstance(errors, dict)
    [(file, text)] = errors.items()
    assert file.endswith("datamove_errors.py")
    assert "tenants/acme/broken.pipeline.yaml:1:1" in text
    assert "tenants/globex/other.pipeline.yaml:1:1: unknown field 'stepps'. Did you mean 'steps'?" in text


def test_without_mistakes_there_is_no_import_error(folder: Path, tmp_path: Path) -> None:
    result = read_dag_folder(folder, tmp_path)
    assert result["errors"] == {}
