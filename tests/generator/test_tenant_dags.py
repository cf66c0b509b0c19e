"""From YAML to DAGs: one for each pipeline, one for each tenant and lane; at a task's start only its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from airflow_datamove.generator.tenant_dags import build_dags
from airflow_datamove.scheduling.policy import PARAM

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(QUICKSTART / "platform.yaml", tmp_path)
    shutil.copytree(QUICKSTART / "tenants", tmp_path / "tenants")
    return tmp_path


def test_a_tenant_gets_a_dag_for_each_pipeline_and_each_lane_that_it_may_use(home: Path) -> None:
    assert set(build_dags(home, "acme", file="x.py")) == {
        "acme.copy.bulk",
        "acme.copy.normal",
        "acme.copy.urgent",
        "acme.orders",
    }
    assert set(build_dags(home, "globex", file="x.py")) == {
        "globex.copy.bulk",
        "globex.copy.normal",
        "globex.suppliers",
    }


def test_every_dag_can_be_stored_by_airflow_and_read_back(home: Path) -> None:
    for dag_id, dag in build_dags(home, "acme", file="x.py").items():
        dag.validate()
        read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert read.dag_id == dag_id
        assert {"acme", "datamove"} <= set(read.tags)


def test_copy_tasks_carry_limits_pools_and_weights(home: Path) -> None:
    dag = build_dags(home, "acme", file="x.py")["acme.copy.urgent"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    copy, distcp = stored.get_task("copy"), stored.get_task("distcp")
    assert (copy.pool, copy.pool_slots, copy.priority_weight) == ("interconnect.urgent", 1, 250)
    assert (distcp.pool, distcp.pool_slots, distcp.priority_weight) == ("interconnect.distcp", 8, 250)
    for task in (copy, distcp):
        assert task.params[PARAM]["lane"] == "urgent"
        assert task.params[PARAM]["limits"]["read"] == ["hdfs://onprem@/data/acme/"]
        assert task.owner == "data@acme.example"


def test_the_form_has_labelled_fields(home: Path) -> None:
    params = build_dags(home, "acme", file="x.py")["acme.copy.normal"].params
    titles = {name: params.get_param(name).schema["title"] for name in params}
    assert titles["source"] == "Source"
    assert params.get_param("slots").schema["maximum"] == 8


def test_a_pipeline_waits_then_copies(home: Path) -> None:
    dag = build_dags(home, "acme", file="x.py")["acme.orders"]
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "when_1": ["orders"],
        "orders": ["done", "orders_distcp"],
        "orders_distcp": ["done"],
        "done": [],
    }


def test_a_steps_wishes_reach_its_operator(home: Path) -> None:
    file = home / "tenants" / "acme" / "orders.pipeline.yaml"
    wishes = (
        "      include: ['*.csv', '{{ ds }}/*']\n      publish: together\n      min_age: 1h\n      max_delete: 10%\n"
    )
    file.write_text(file.read_text() + wishes)
    dag = build_dags(home, "acme", file="x.py")["acme.orders"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("orders")
    wished = {"include": ["*.csv", "{{ ds }}/*"], "max_delete": 0.1, "min_age": 3600.0, "publish": "together"}
    assert vars(stored)["options"] == wished


def test_steps_follow_one_another(home: Path) -> None:
    path = home / "tenants/acme/orders.pipeline.yaml"
    step = path.read_text().partition("  orders:\n")[2]
    path.write_text(f"steps:\n  first:\n{step}  second:\n{step}")
    dag = build_dags(home, "acme", file="x.py")["acme.orders"]
    assert dag.get_task("second").upstream_task_ids == {"first", "first_distcp"}
    assert dag.get_task("second").trigger_rule == "none_failed"


@pytest.mark.parametrize("dag_id", ["acme.orders", "acme.copy.bulk"])
def test_at_a_tasks_start_only_its_own_dag_is_read_and_built(
    home: Path, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "tenants/acme/broken.pipeline.yaml").write_text("not: [yaml")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
    assert set(build_dags(home, "acme", file="x.py")) == {dag_id}
    assert build_dags(home, "globex", file="x.py") == {}


def test_a_broken_pipeline_leaves_its_siblings(home: Path) -> None:
    (home / "tenants/acme/broken.pipeline.yaml").write_text("steps: 3")
    assert "acme.orders" in build_dags(home, "acme", file="x.py")
    assert "acme.broken" not in build_dags(home, "acme", file="x.py")


def test_worker_pods_follow_the_tenant_where_there_are_templates(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATAMOVE__POD_TEMPLATES", "/opt/pods")
    dag = build_dags(home, "acme", file="x.py")["acme.copy.bulk"]
    assert dag.get_task("copy").executor_config == {"pod_template_file": "/opt/pods/acme.yaml"}
