"""A git repository as a bundle: a real one, fetched by Airflow's own bundle."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_datamove.generator.git_bundle import GitTenantsBundle

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
Machine = Callable[..., GitTenantsBundle]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    home = tmp_path / "repository"
    (home / "movement").mkdir(parents=True)
    shutil.copy(QUICKSTART / "platform.yaml", home / "movement")
    shutil.copytree(QUICKSTART / "tenants", home / "movement/tenants")
    git(home, "init", "--quiet", "--initial-branch=main")
    commit(home)
    return home


@pytest.fixture
def machine(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The bundle as a machine of this name makes it."""

    def make(name: str, version: str | None = None) -> GitTenantsBundle:
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / name))
        return GitTenantsBundle(
            name="tenants", repo_url=str(repository), tracking_ref="main", subdir="movement", version=version
        )

    return make


def git(home: Path, *words: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.example"}
    env = {**os.environ, **who, "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.example"}
    return subprocess.run(["git", *words], cwd=home, env=env, check=True, capture_output=True, text=True).stdout.strip()


def commit(home: Path) -> str:
    git(home, "add", "--all")
    git(home, "commit", "--quiet", "--message", "change")
    return git(home, "rev-parse", "HEAD")


def dags(bundle: GitTenantsBundle, tenant: str) -> dict[str, object]:
    return {name: each for name, each in runpy.run_path(str(bundle.path / f"{tenant}.py")).items() if "." in name}


def version_of(bundle: GitTenantsBundle) -> str:
    found = bundle.get_current_version()
    assert found is not None
    return found if isinstance(found, str) else found.version


def test_the_processor_sees_what_is_pushed(repository: Path, machine: Machine) -> None:
    bundle = machine("processor")
    bundle.initialize()
    assert {"acme.orders", "acme.copy.normal"} <= set(dags(bundle, "acme"))
    broken = repository / "movement/tenants/acme/broken.pipeline.yaml"
    broken.write_text("steps: 3")
    pushed = commit(repository)
    bundle.refresh()
    assert version_of(bundle) == pushed
    assert (bundle.path / "tenants/acme/broken.pipeline.yaml.py").exists()
    assert "acme.orders" in dags(bundle, "acme")


def test_a_worker_elsewhere_sees_a_new_tenant_before_its_first_task(repository: Path, machine: Machine) -> None:
    first = git(repository, "rev-parse", "HEAD")
    worker = machine("worker", first)
    worker.initialize()
    assert not (worker.path / "initech.py").exists()
    shutil.copytree(repository / "movement/tenants/globex", repository / "movement/tenants/initech")
    second = commit(repository)
    later = machine("worker", second)
    later.initialize()
    assert "initech.copy.normal" in dags(later, "initech")


def test_a_run_goes_on_with_the_commit_that_it_has_begun_with(repository: Path, machine: Machine) -> None:
    first = git(repository, "rev-parse", "HEAD")
    (repository / "movement/tenants/acme/orders.pipeline.yaml").unlink()
    commit(repository)
    worker = machine("worker", first)
    worker.initialize()
    assert "acme.orders" in dags(worker, "acme")


def test_python_in_the_repository_is_never_a_dag_file(repository: Path, machine: Machine) -> None:
    evil = 'raise SystemExit("airflow dag of a tenant")\n'
    for folder in (".", "movement", "movement/tenants/acme", "stubs", "movement/stubs"):
        (repository / folder).mkdir(parents=True, exist_ok=True)
        (repository / folder / "acme.py").write_text(evil)
    version = commit(repository)
    for bundle in (machine("processor"), machine("worker", version)):
        bundle.initialize()
        found = sorted(bundle.path.rglob("*.py"))
        assert [path.name for path in found] == ["_keep_ledger.py", "acme.py", "globex.py"]
        assert not any("SystemExit" in path.read_text() for path in found)


def test_what_airflow_has_removed_leaves_nothing_behind(repository: Path, machine: Machine) -> None:
    version = git(repository, "rev-parse", "HEAD")
    old = machine("processor", version)
    old.initialize()
    stubs = old.path
    shutil.rmtree(old.versions_dir / version)
    bundle = machine("processor")
    bundle.initialize()
    bundle.refresh()
    assert not stubs.exists()
    assert (bundle.path / "acme.py").exists()
