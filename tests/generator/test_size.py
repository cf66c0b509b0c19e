"""The bundle at size: a refresh reads the tenants that changed, a task's start no pipeline but its own."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_datamove.generator import stubs
from airflow_datamove.generator.bundle import TenantsBundle
from airflow_datamove.generator.stubs import ready_stubs, write_stubs
from airflow_datamove.spec import reading

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    home = tmp_path / "source"
    home.mkdir()
    shutil.copy(QUICKSTART / "platform.yaml", home)
    for name in ("acme", "globex", "initech", "umbrella"):
        shutil.copytree(QUICKSTART / "tenants/globex", home / "tenants" / name)
    return home


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The YAML files that are read, as they are."""
    found: list[str] = []
    real = reading.read_content

    def noting(path: Path, shown: str, *, root: Path | None = None) -> bytes:
        found.append(shown)
        return real(path, shown, root=root)

    monkeypatch.setattr(reading, "read_content", noting)
    return found


@contextmanager
def no_lock() -> Iterator[None]:
    yield


def test_a_refresh_reads_the_tenants_in_which_something_has_changed(
    source: Path, tmp_path: Path, read: list[str]
) -> None:
    target = tmp_path / "target"
    write_stubs(source, target)
    read.clear()
    (source / "tenants/initech/suppliers.pipeline.yaml").write_text("steps: 3")
    assert write_stubs(source, target)
    assert {name.split("/")[1] for name in read if name != "platform.yaml"} == {"initech"}
    read.clear()
    assert not write_stubs(source, target)
    assert set(read) <= {"platform.yaml"}


def test_one_broken_file_costs_only_itself(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (source / "tenants/acme/broken.pipeline.yaml").write_text("steps: [")
    write_stubs(source, target)
    assert {path.name for path in target.glob("[!_]*.py")} == {"acme.py", "globex.py", "initech.py", "umbrella.py"}
    assert [path.name for path in target.rglob("*.yaml.py")] == ["broken.pipeline.yaml.py"]
    assert "acme.suppliers" in runpy.run_path(str(target / "acme.py"))


def test_a_new_platform_concerns_every_tenant(source: Path, tmp_path: Path, read: list[str]) -> None:
    target = tmp_path / "target"
    write_stubs(source, target)
    before = {path: path.stat().st_mtime_ns for path in target.glob("[!_]*.py")}
    platform = source / "platform.yaml"
    platform.write_text(platform.read_text().replace("threshold: 32 MiB", "threshold: 1 GiB"))
    read.clear()
    assert write_stubs(source, target)
    assert {name.split("/")[1] for name in read if "/" in name} == {"acme", "globex", "initech", "umbrella"}
    assert all(path.stat().st_mtime_ns > time for path, time in before.items())


def test_a_worker_elsewhere_has_a_new_tenants_file_before_its_first_task(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "worker"))
    bundle = TenantsBundle(name="b", path=str(source))
    bundle.initialize()
    shutil.copytree(source / "tenants/globex", source / "tenants/wayne")
    read.clear()
    again = TenantsBundle(name="b", path=str(source))
    again.initialize()
    assert set(read) <= {"platform.yaml"}
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "wayne.suppliers")
    found = runpy.run_path(str(again.path / "wayne.py"))
    assert "wayne.suppliers" in found
    assert set(read) == {"platform.yaml", "tenants/wayne/tenant.yaml", "tenants/wayne/suppliers.pipeline.yaml"}


def test_a_worker_sees_what_the_processor_has_not_looked_at_yet(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    ready_stubs(source, target, no_lock)
    pipeline = source / "tenants/acme/suppliers.pipeline.yaml"
    pipeline.write_text(pipeline.read_text().replace("purchasing", "somebody"))
    ready_stubs(source, target, no_lock)
    dag = runpy.run_path(str(target / "acme.py"))["acme.suppliers"]
    assert dag.get_task("prices").client == "somebody"


def test_a_worker_keeps_the_last_sound_platform(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    ready_stubs(source, target, no_lock)
    (source / "platform.yaml").write_text("links: 3")
    ready_stubs(source, target, no_lock)
    assert "acme.suppliers" in runpy.run_path(str(target / "acme.py"))


def test_the_processor_looks_at_what_a_worker_has_only_made_ready(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    ready_stubs(source, target, no_lock)
    (source / "tenants/acme/broken.pipeline.yaml").write_text("steps: [")
    assert write_stubs(source, target)
    assert (target / "tenants/acme/broken.pipeline.yaml.py").exists()
    assert "not looked at yet" not in (target / "acme.py").read_text()


def test_a_state_that_cannot_be_read_is_made_anew(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    write_stubs(source, target)
    for text in ("", "[]", '{"version": "0", "tenants": 3}', '{"tenants": {}}'):
        (target / stubs._STATE_FILE).write_text(text)
        (target / "acme.py").unlink()
        assert write_stubs(source, target)
        assert "acme.suppliers" in runpy.run_path(str(target / "acme.py"))
