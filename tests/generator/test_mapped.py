"""Mapped steps and python steps as Airflow runs them: a whole run, in this process, on local files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session

root, dag_id = Path(sys.argv[1]), sys.argv[2]
stub = root / "acme_dags.py"
stub.write_text(
    "# airflow dag\\nfrom pathlib import Path\\n"
    "from airflow_datamove.generator.tenant_dags import build_dags\\n"
    f"globals().update(build_dags(Path({str(root)!r}), 'acme', file=__file__))\\n"
)
with create_session() as session:
    session.merge(DagBundleModel(name="testing"))
bag = DagBag(str(stub), bundle_path=root, bundle_name="testing")
assert not bag.import_errors, bag.import_errors
sync_bag_to_db(bag, "testing", None)
dag = bag.dags[dag_id]
run = dag.test(run_conf=json.loads(sys.argv[3]))
ended = run.get_task_instances()
print("RESULT" + json.dumps({
    "state": str(run.state),
    "tasks": {f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state) for ti in ended},
    "labels": sorted(ti.rendered_map_index for ti in ended if ti.rendered_map_index),
}))
"""

FUNCTIONS = """
def keep(name, where):
    open(f"{where}/{name}.kept", "w").write(name)
    return name
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow with a database of its own."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "acme_etl.py").write_text(FUNCTIONS)
    (home / "dags").mkdir()
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MAX_MAP_LENGTH": "6",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": "testing",
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(home / "dags")},
                }
            ]
        ),
        "PYTHONPATH": os.pathsep.join([str(home), str(ROOT)]),
    }
    airflow = str(Path(sys.executable).with_name("airflow"))
    for words in (["db", "migrate"], ["pools", "set", "net.worker", "8", ""], ["pools", "set", "net.distcp", "8", ""]):
        done = subprocess.run([airflow, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return env


@pytest.fixture
def home(airflow: dict[str, str]) -> Path:
    root = Path(airflow["AIRFLOW_HOME"], "dags")
    for each in root.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    (root / "in").mkdir()
    (root / "tenants/acme").mkdir(parents=True)
    (root / "platform.yaml").write_text("links: {net: {capacity: 1 GiB/s}}\npython_allowed: [acme_etl]\n")
    (root / "tenants/acme/tenant.yaml").write_text(
        f"owner: a@b.example\nlink: net\nread: ['file://{root}/in/']\nwrite: ['file://{root}/out/']\n"
    )
    return root


def run(airflow: dict[str, str], home: Path, pipeline: str, conf: str = "{}") -> tuple[dict[str, Any], str]:
    """A run of a pipeline: its end, and what was logged."""
    (home / "tenants/acme/p.pipeline.yaml").write_text(pipeline.replace("ROOT", str(home)))
    command = [sys.executable, "-c", RUN, str(home), "acme.p", conf]
    done = subprocess.run(command, env=airflow, capture_output=True, text=True, timeout=300, check=False)
    assert "RESULT" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    log = done.stdout + done.stderr
    return json.loads(done.stdout.rpartition("RESULT")[2].splitlines()[0]), log


ODD = ["plain.csv", "{{ ds }}.csv", "a[b]*.csv", "sp ace {x}.csv", "back\\slash.csv"]


def test_each_thing_that_a_listing_finds_is_copied_whatever_its_name(airflow: dict[str, str], home: Path) -> None:
    for name in ODD:
        (home / "in" / name).write_text(name)
    (home / "in/other.txt").write_text("not listed")
    found, log = run(
        airflow,
        home,
        "steps:\n  files:\n    for_each: {list: 'file://ROOT/in/*.csv'}\n"
        "    copy: {source: '{{ item.address }}', destination: 'file://ROOT/out/{{ item.name }}'}\n",
    )
    assert found["state"] == "success", log[-5000:]
    assert {path.name: path.read_text() for path in (home / "out").iterdir()} == {name: name for name in ODD}
    assert found["labels"] == sorted(ODD)
    assert found["tasks"]["done"] == "success"
    assert found["tasks"]["files_distcp"] == "skipped"


def test_a_listing_that_finds_more_than_airflow_maps_says_what_to_do(airflow: dict[str, str], home: Path) -> None:
    for number in range(7):
        (home / "in" / f"{number}.csv").write_text("x")
    found, log = run(
        airflow,
        home,
        "retries: 0\nsteps:\n  files:\n    for_each: {list: 'file://ROOT/in/*.csv'}\n"
        "    copy: {source: '{{ item.address }}', destination: 'file://ROOT/out/{{ item.name }}'}\n",
    )
    assert found["state"] == "failed"
    assert "Airflow maps a task over at most 6" in log
    assert "max_map_length" in log
    assert not (home / "out").exists()


def test_a_list_of_items_and_a_function_that_the_platform_allows(airflow: dict[str, str], home: Path) -> None:
    for region in ("eu", "us"):
        (home / "in" / region).mkdir()
        (home / "in" / region / "x").write_text(region)
    found, log = run(
        airflow,
        home,
        """
params: {mark: {default: none}}
steps:
  copies:
    for_each: [{from: eu, to: 1}, {from: us, to: 2}]
    copy:
      source: file://ROOT/in/{{ item.from }}/
      destination: file://ROOT/out/{{ item.to }}/{{ params.mark }}/
  marks:
    for_each: [eu, us]
    after: [copies]
    python:
      function: acme_etl:keep
      args: {name: "{{ item }}-{{ params.mark }}", where: ROOT/out}
  last:
    after: [marks]
    python: {function: "acme_etl:keep", args: {name: last, where: ROOT/out}}
""",
        '{"mark": "m"}',
    )
    assert found["state"] == "success", log[-5000:]
    files = {path.relative_to(home / "out").as_posix() for path in (home / "out").rglob("*") if path.is_file()}
    assert files == {"1/m/x", "2/m/x", "eu-m.kept", "us-m.kept", "last.kept"}
    assert [found["tasks"][f"marks[{index}]"] for index in (0, 1)] == ["success", "success"]


def test_a_parameter_leads_nowhere_outside_of_what_the_tenant_may_touch(airflow: dict[str, str], home: Path) -> None:
    (home / "secret").mkdir()
    (home / "secret/x").write_text("1")
    found, log = run(
        airflow,
        home,
        "retries: 0\nparams: {where: {default: nowhere}}\nsteps:\n  a:\n"
        "    copy: {source: 'file:///{{ params.where }}/', destination: 'file://ROOT/out/'}\n",
        json.dumps({"where": f"{home}/secret".strip("/")}),
    )
    assert found["state"] == "failed"
    assert "lies outside what tenant 'acme' may read" in log
    assert not (home / "out").exists()
