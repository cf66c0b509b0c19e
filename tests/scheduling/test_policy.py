"""The cluster policy: whatever a conf holds, the scheduler gets numbers that its columns can take, and no exception."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import WrongUse
from airflow_datamove.generator.tenant_dags import build_dags
from airflow_datamove.scheduling.policy import task_instance_mutation_hook

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
SOUND = {"source": "hdfs://onprem@/data/acme/x/", "destination": "abfs://acme_blob@drop/x/"}

_anything: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(int("9" * 400))
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)


@pytest.fixture(scope="module")
def stored() -> Any:
    dag = build_dags(QUICKSTART, "acme", file="x.py")["acme.copy.normal"]
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def task_instance(stored: Any, task_id: str) -> TaskInstance:
    return TaskInstance(stored.get_task(task_id), run_id="r", dag_version_id=uuid4())


def run_of(stored: Any, conf: Any) -> DagRun:
    return DagRun(dag_id=stored.dag_id, run_id="r", conf=conf, run_type=DagRunType.MANUAL)


@pytest.mark.parametrize("task_id", ["copy", "distcp"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(priority=_anything, slots=_anything)
def test_in_the_scheduler_nothing_is_raised_and_every_value_is_clamped(
    stored: Any, task_id: str, priority: Any, slots: Any
) -> None:
    instance = task_instance(stored, task_id)
    task_instance_mutation_hook(instance, run_of(stored, {**SOUND, "priority": priority, "slots": slots}))
    assert type(instance.priority_weight) is int
    assert 100 <= instance.priority_weight <= 199
    assert type(instance.pool_slots) is int
    assert 1 <= instance.pool_slots <= 8


@pytest.mark.parametrize("conf", [None, {}, [], "text"])
def test_a_conf_that_is_no_request_gets_the_defaults(stored: Any, conf: Any) -> None:
    instance = task_instance(stored, "copy")
    run = run_of(stored, {})
    run.conf = conf
    task_instance_mutation_hook(instance, run)
    assert (instance.priority_weight, instance.pool_slots) == (150, 1)


def test_without_a_run_nothing_is_touched(stored: Any) -> None:
    instance = task_instance(stored, "distcp")
    task_instance_mutation_hook(instance, None)
    assert (instance.priority_weight, instance.pool_slots) == (150, 8)


def test_in_the_api_server_a_new_request_is_checked(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.main", sys)
    with pytest.raises(WrongUse, match="Did you mean 'source'"):
        task_instance_mutation_hook(task_instance(stored, "copy"), run_of(stored, {**SOUND, "sorce": "x"}))
    task_instance_mutation_hook(task_instance(stored, "copy"), run_of(stored, {**SOUND, "lane": None, "slots": None}))


def test_a_cleared_run_is_not_refused_again(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.main", sys)
    run = run_of(stored, {"source": "no longer allowed"})
    run.clear_number = 1
    task_instance_mutation_hook(task_instance(stored, "copy"), run)


def test_other_peoples_tasks_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import DAG, BaseOperator

    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.main", sys)
    with DAG("someones", schedule=None) as dag:
        BaseOperator(task_id="own", priority_weight=7, pool_slots=3, weight_rule="absolute")
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    instance = task_instance(stored, "own")
    task_instance_mutation_hook(instance, run_of(stored, {"priority": 99}))
    assert (instance.priority_weight, instance.pool_slots) == (7, 3)
