"""The bundle's files: whole, only what changed, mistakes apart from what is healthy."""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.errors import SpecError
from airflow_datamove.generator.stubs import write_stubs

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
ORDERS = Path("tenants/acme/orders.pipeline.yaml")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    home = tmp_path / "source"
    home.mkdir()
    shutil.copy(QUICKSTART / "platform.yaml", home)
    shutil.copytree(QUICKSTART / "tenants", home / "tenants")
    return home


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def stubs(target: Path) -> set[str]:
    """Without the platform's own, which keeps the ledger."""
    found = {path.relative_to(target).as_posix() for path in target.rglob("*.py")}
    assert ("_keep_ledger.py" in found) == any("/" not in name for name in found - {"platform.yaml.py"})
    return found - {"_keep_ledger.py"}


def dags_in(stub: Path) -> dict[str, object]:
    return {name: value for name, value in runpy.run_path(str(stub)).items() if "." in name}


def test_one_file_for_each_tenant(source: Path, target: Path) -> None:
    assert write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py"}
    assert "acme.orders" in dags_in(target / "acme.py")
    assert str(source) not in (target / "acme.py").read_text()
    assert str(target) not in (target / "acme.py").read_text()


def test_airflow_takes_the_files_for_dag_files(source: Path, target: Path) -> None:
    (source / ORDERS).write_text("steps: 3")
    write_stubs(source, target)
    for stub in stubs(target):
        text = (target / stub).read_text().lower()
        assert "dag" in text
        assert "airflow" in text


def test_nothing_is_written_where_nothing_changed(source: Path, target: Path) -> None:
    write_stubs(source, target)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    assert not write_stubs(source, target)
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before


def test_a_tenants_file_is_written_anew_when_its_yaml_changes_or_goes(source: Path, target: Path) -> None:
    write_stubs(source, target)
    before = {name: (target / name).stat().st_mtime_ns for name in ("acme.py", "globex.py")}
    text = (source / ORDERS).read_text()
    (source / ORDERS).write_text(text.replace("billing", "finance"))
    assert write_stubs(source, target)
    changed = (target / "acme.py").stat().st_mtime_ns
    assert changed > before["acme.py"]
    (source / ORDERS).unlink()
    assert write_stubs(source, target)
    assert (target / "acme.py").stat().st_mtime_ns > changed
    assert (target / "globex.py").stat().st_mtime_ns == before["globex.py"]


def test_a_file_that_cannot_be_read_is_a_mistake_of_its_own(source: Path, target: Path) -> None:
    (source / "tenants/acme/gone.pipeline.yaml").symlink_to("nowhere")
    (source / "tenants/acme/folder.pipeline.yaml").mkdir()
    (source / "tenants/acme/out.pipeline.yaml").symlink_to("/etc/passwd")
    (source / "tenants/acme/zero.pipeline.yaml").symlink_to("/dev/zero")
    os.mkfifo(source / "tenants/acme/pipe.pipeline.yaml")
    (source / os.fsdecode(b"tenants/acme/b\xff.pipeline.yaml")).write_text("steps: 1")
    write_stubs(source, target)
    odd = os.fsdecode(b"tenants/acme/b\xff.pipeline.yaml.py")
    broken = {f"tenants/acme/{name}.pipeline.yaml.py" for name in ("gone", "out", "zero", "pipe")}
    assert stubs(target) == {"acme.py", "globex.py", odd, *broken}
    assert "root:" not in (target / "tenants/acme/out.pipeline.yaml.py").read_text()
    with pytest.raises(SpecError, match="cannot be read"):
        runpy.run_path(str(target / "tenants/acme/gone.pipeline.yaml.py"))["dag"].validate()


def test_a_deep_path_is_shown_like_any_other(source: Path, target: Path) -> None:
    deep = source / "tenants/acme" / "/".join(["d" * 60] * 5)
    deep.mkdir(parents=True)
    (deep / "x.pipeline.yaml").write_text("steps: 1")
    write_stubs(source, target)
    [broken] = [stub for stub in stubs(target) if stub.endswith("x.pipeline.yaml.py")]
    with pytest.raises(SpecError, match=r"x\.pipeline\.yaml:1:1"):
        runpy.run_path(str(target / broken))["dag"].validate()


def test_what_airflow_refuses_is_a_mistake_of_its_pipeline_alone(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_datamove.generator import tenant_dags
    from airflow_datamove.generator.pipeline_dag import pipeline_dag

    build = pipeline_dag

    def refusing(tenant: str, *rest: Any) -> Any:
        if tenant == "acme":
            raise ValueError("no such timetable")
        return build(tenant, *rest)

    monkeypatch.setattr(tenant_dags, "pipeline_dag", refusing)
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py", f"{ORDERS}.py"}
    assert "no such timetable" in (target / f"{ORDERS}.py").read_text()
    assert "acme.copy.normal" in dags_in(target / "acme.py")


def test_a_mistake_is_raised_from_a_file_of_its_own_and_goes_when_it_is_mended(source: Path, target: Path) -> None:
    text = (source / ORDERS).read_text()
    (source / ORDERS).write_text(text.replace("overwrite: if_changed", "overwrit: if_changed"))
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py", f"{ORDERS}.py"}
    assert "acme.copy.normal" in dags_in(target / "acme.py")
    broken = runpy.run_path(str(target / f"{ORDERS}.py"))["dag"]
    with pytest.raises(SpecError) as caught:
        broken.validate()
    for words in (f"{ORDERS}:10:7: unknown field 'overwrit'", "Did you mean 'overwrite'?", "   10 |", "^"):
        assert words in str(caught.value)
    (source / ORDERS).write_text(text)
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py"}


def test_a_broken_platform_leaves_the_last_sound_one_in_force(source: Path, target: Path) -> None:
    write_stubs(source, target)
    (source / "platform.yaml").write_text("links: 3")
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py", "platform.yaml.py"}
    assert "acme.orders" in dags_in(target / "acme.py")
    shutil.copy(QUICKSTART / "platform.yaml", source)
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py"}


def test_a_tenant_that_goes_takes_its_files_along(source: Path, target: Path) -> None:
    write_stubs(source, target)
    shutil.rmtree(source / "tenants/globex")
    write_stubs(source, target)
    assert stubs(target) == {"acme.py"}
    assert not (target / "tenants/globex").exists()


def test_a_new_tenant_comes(source: Path, target: Path) -> None:
    write_stubs(source, target)
    shutil.copytree(source / "tenants/globex", source / "tenants/initech")
    write_stubs(source, target)
    assert "initech.copy.normal" in dags_in(target / "initech.py")


def test_a_folder_that_is_not_there_is_a_mistake_and_not_a_crash(tmp_path: Path) -> None:
    write_stubs(tmp_path / "nowhere", tmp_path / "target")
    assert stubs(tmp_path / "target") == {"platform.yaml.py"}


def test_yaml_behind_links_is_read_as_kubernetes_mounts_it(source: Path, target: Path) -> None:
    real = source / "..data"
    (source / "tenants").rename(real)
    for path in sorted(real.rglob("*.yaml")):
        link = source / "tenants" / path.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path, link)
    write_stubs(source, target)
    assert stubs(target) == {"acme.py", "globex.py"}


def test_a_message_cannot_break_out_of_its_file(source: Path, target: Path) -> None:
    (source / ORDERS).write_text('"""\\nimport os": {x}\n\'\'\'\n')
    write_stubs(source, target)
    with pytest.raises(SpecError):
        runpy.run_path(str(target / f"{ORDERS}.py"))["dag"].validate()
