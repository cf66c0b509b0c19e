"""A DistCp task that ends between the submission of its job and the moment at which a triggerer takes over.

What the job's end looks like on a real YARN is `tests/distcp/test_job.py`'s; here is who asks for it.
"""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferred

from airflow_datamove.distcp.progress import JobRef
from airflow_datamove.errors import Cancelled, TrackingLost
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.operators.memory import remember, remembered
from airflow_datamove.operators.tag import tag_of
from airflow_datamove.spec.request import CopyRequest

REF = JobRef("application_1_1", "job_1_1", "t", destination="hdfs://c@/dst")


class Job:
    """A cluster on which a job has just been submitted."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def check(self) -> None:
        pass

    def ping(self) -> None:
        pass

    def submit(self, *_: Any, **__: Any) -> JobRef:
        return REF

    def kill(self, ref: JobRef) -> None:
        self.killed.append(ref.application_id)


class Store(dict[str, Any]):
    """A task state store."""

    set = dict.__setitem__


class Task:
    """A task instance whose XCom goes wrong, or right."""

    dag_id, run_id, task_id, map_index = "d", "r", "t", -1

    def __init__(self, try_number: int, fails: BaseException | None, operator: DistCpOperator) -> None:
        self.try_number, self.max_tries, self.fails, self.operator = try_number, 1, fails, operator

    def xcom_push(self, **_: Any) -> None:
        if isinstance(self.fails, Cancelled):
            self.operator.on_kill()
        elif self.fails is not None:
            raise self.fails


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, fails: BaseException | None, try_number: int = 1
) -> tuple[Job, DistCpOperator]:
    job = Job()
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.get_conn", lambda _: job)
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.application_url", lambda *_: "http://rm")
    (tmp_path / "f").write_text("x")
    operator = DistCpOperator(task_id="t", source=f"file://{tmp_path}", destination="file:///nowhere/t")
    request = CopyRequest(source=f"file://{tmp_path}", destination="file:///nowhere/t")
    context: Any = {"ti": Task(try_number, fails, operator), "task_state_store": Store()}
    with pytest.raises(type(fails) if fails else TaskDeferred):
        operator.copy_by_distcp(context, request, "asked")
    return job, operator


def test_a_job_that_was_handed_over_is_not_ended_but_for_a_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    job, operator = run(monkeypatch, tmp_path, None)
    assert job.killed == []
    # Airflow may refuse the hand-over: a person has ended the task meanwhile.
    operator.on_kill()
    assert job.killed == ["application_1_1"]


@pytest.mark.parametrize(("try_number", "killed"), [(1, []), (2, ["application_1_1"])])
@pytest.mark.parametrize("fails", [AirflowTaskTimeout("late"), OSError("no API server")])
def test_a_try_that_fails_leaves_its_job_to_the_next_one_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, fails: BaseException, try_number: int, killed: list[str]
) -> None:
    job, _ = run(monkeypatch, tmp_path, fails, try_number)
    assert job.killed == killed


def test_a_person_s_end_ends_the_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    job, _ = run(monkeypatch, tmp_path, Cancelled("x"))
    assert set(job.killed) == {"application_1_1"}


def test_what_an_earlier_try_left_is_forgotten_after_a_clear() -> None:
    context: Any = {"task_state_store": Store()}
    assert remembered(context, "t") is None
    remember(context, REF)
    assert remembered(context, "t") == REF
    assert remembered(context, "another") is None


def test_the_tag_is_the_same_for_each_try_and_another_after_a_clear() -> None:
    first = tag_of("d", "r", "t", -1, 2)
    assert first == tag_of("d", "r", "t", -1, 2)
    assert len({first, tag_of("d", "r", "t", -1, 3), tag_of("d", "r", "t", 0, 2), tag_of("d", "r", "u", -1, 2)}) == 4
    assert len(first) <= 100


def test_a_job_of_another_copy_is_ended_and_not_joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What a mapped task is given may change between two tries, when the task above it was run again alone."""
    job, anew = Job(), []

    def submit(request: Any, **more: Any) -> JobRef:
        anew.append(more["anew"])
        return REF

    monkeypatch.setattr(job, "submit", submit)
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.get_conn", lambda _: job)
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.application_url", lambda *_: "http://rm")
    operator = DistCpOperator(task_id="t")
    context: Any = {"ti": Task(2, None, operator), "task_state_store": Store()}
    tag = tag_of("d", "r", "t", -1, 1)
    for name, ended in (("before", []), ("before", []), ("now", ["application_1_1"])):
        (tmp_path / name).mkdir(exist_ok=True)
        request = CopyRequest(source=f"file://{tmp_path}/{name}", destination="file:///nowhere/t")
        with pytest.raises(TaskDeferred):
            operator.copy_by_distcp(context, request, "asked")
        assert job.killed == ended
        assert anew[-1] is bool(ended)
        kept = JobRef("application_1_1", "job_1_1", tag, source=request.source, destination=request.destination)
        remember(context, kept)


@pytest.mark.parametrize("changed", ["source", "destination", "tag"])
def test_a_job_of_another_copy_is_not_reported_when_the_task_resumes(
    monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """What a mapped task is given may change while it is deferred."""
    job, reported = Job(), []

    def result(ref: JobRef, *_: Any, **__: Any) -> Any:
        reported.append(ref)
        raise TrackingLost("the report")

    monkeypatch.setattr(job, "result", result, raising=False)
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.get_conn", lambda _: job)
    monkeypatch.setattr("airflow_datamove.hooks.hadoop.HadoopHook.application_url", lambda *_: "http://rm")
    values = {"source": "hdfs://c@/now", "destination": "gs://g@b/t"}
    operator = DistCpOperator(task_id="t", handed_over={"request": values, "reason": "large"})
    context: Any = {"ti": Task(1, None, operator), "task_state_store": Store()}
    ref = {**REF.to_dict(), **values, "tag": tag_of("d", "r", "t", -1, 1)}
    with pytest.raises(TrackingLost, match="the report"):
        operator.execute_complete(context, {"state": "SUCCEEDED"}, ref, "large")
    assert len(reported) == 1
    with pytest.raises(TrackingLost, match="asked for is now hdfs://c@/now to gs://g@b/t") as caught:
        operator.execute_complete(context, {"state": "SUCCEEDED"}, {**ref, changed: "hdfs://c@/before"}, "large")
    assert caught.value.retryable
    assert len(reported) == 1
