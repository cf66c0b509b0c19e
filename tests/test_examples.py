"""The examples are sound: their YAML has no mistake, their DAGs can be read.

What is in ``invalid/`` is refused, by lint and by Airflow, with the words that stand beside it.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow_datamove.cli.main import main
from airflow_datamove.errors import SpecError
from airflow_datamove.generator.stubs import write_stubs
from airflow_datamove.generator.tenant_dags import build_dags
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import read_folder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
INVALID = EXAMPLES / "invalid"
IDEAS = {
    "schedules": {"acme.nightly", "acme.after_nightly", "acme.after_files", "acme.by_hand"},
    "order": {"acme.reports"},
    "for_each": {"acme.regions", "acme.days"},
    "params": {"acme.one_region"},
    "defaults": {"acme.stock", "acme.ledger"},
    "python_step": {"acme.clean"},
}


def test_azure_to_azure_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    folder = EXAMPLES / "azure_to_azure"
    assert main(["lint", str(folder)]) == 0
    assert capsys.readouterr().out == "no mistakes; 1 sound pipeline\n"
    dags = build_dags(folder, "lake", file="x.py")
    assert set(dags) == {"lake.incoming", "lake.copy.bulk", "lake.copy.normal"}
    found = runpy.run_path(str(folder / "a_dag_of_your_own.py"))
    assert found["DAG"] is DAG


@pytest.mark.parametrize("idea", sorted(IDEAS))
def test_each_idea_is_sound_and_becomes_dags_that_airflow_stores(idea: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(EXAMPLES / idea)]) == 0, capsys.readouterr().err
    dags = build_dags(EXAMPLES / idea, "acme", file="x.py")
    assert {name for name in dags if ".copy." not in name} == IDEAS[idea]
    for dag in dags.values():
        dag.validate()
        assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_ids == dag.task_ids


def test_every_folder_of_examples_is_tried() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/platform.yaml")}
    assert folders == {*IDEAS, "invalid", "quickstart", "azure_to_azure"}


def test_the_words_of_every_mistake() -> None:
    found: dict[str, list[str]] = {}
    for mistake in check_folder(read_folder(INVALID)).mistakes:
        found.setdefault(mistake.file, []).append(str(mistake))
    told = {
        path.relative_to(INVALID).as_posix().removesuffix(".error"): path.read_text().splitlines()
        for path in INVALID.rglob("*.error")
    }
    assert len(told) > 40
    assert found == told


def test_airflow_says_what_lint_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(INVALID)]) == 1
    linted = capsys.readouterr().err
    write_stubs(INVALID, tmp_path)
    airflows = []
    for stub in tmp_path.rglob("*.yaml.py"):
        with pytest.raises(SpecError) as caught:
            runpy.run_path(str(stub))["dag"].validate()
        airflows.append(str(caught.value))
    texts = [text for each in airflows for text in each.split("\n\n")]
    assert sorted(linted.splitlines()[:-1]) == sorted(line for text in texts for line in text.splitlines())
    assert linted.endswith(f"{len(texts)} mistakes\n")
