"""``datamove lint`` and ``datamove schema``: what is wrong, where, and what would be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_datamove.cli.main import main

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(QUICKSTART, tmp_path / "q")
    return tmp_path / "q"


def test_a_sound_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(home)]) == 0
    assert capsys.readouterr().out == "no mistakes; 2 sound pipelines\n"


def test_every_mistake_with_its_place_and_remedy(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "tenants/acme/orders.pipeline.yaml"
    path.write_text(
        path.read_text().replace("client: billing", "clint: billing").replace("priority: 50", "priority: x")
    )
    assert main(["lint", str(home)]) == 1
    told = capsys.readouterr().err
    assert "tenants/acme/orders.pipeline.yaml:12:7: unknown field 'clint'. Did you mean 'client'?" in told
    assert "tenants/acme/orders.pipeline.yaml:11:7: priority" in told
    assert told.endswith("2 mistakes\n")


def test_a_path_inside_shows_its_own_mistakes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tenants/acme/a.pipeline.yaml").write_text("steps: 1")
    (home / "tenants/globex/b.pipeline.yaml").write_text("steps: 1")
    assert main(["lint", str(home / "tenants/globex")]) == 1
    told = capsys.readouterr().err
    assert "globex/b.pipeline.yaml" in told
    assert "acme" not in told


def test_a_path_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(tmp_path / "nowhere")]) == 2
    assert main(["lint", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("platform", "platform.yaml"),
        ("tenant", "tenants/acme/tenant.yaml"),
        ("pipeline", "tenants/acme/orders.pipeline.yaml"),
    ],
)
def test_the_schema_takes_what_is_sound_and_refuses_a_misspelt_field(
    kind: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    values = yaml.safe_load((QUICKSTART / file).read_text())
    assert list(Draft202012Validator(schema).iter_errors(values)) == []
    assert list(Draft202012Validator(schema).iter_errors({**values, "nonsense": 1})) != []


def test_an_unknown_schema_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "nonsense"]) == 2
    assert "pipeline" in capsys.readouterr().err
