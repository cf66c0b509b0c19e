"""By what a DistCp job is found again: :func:`tag_of` a task, :func:`tag_of_request`."""

from __future__ import annotations

import hashlib

from airflow.sdk import Context

from airflow_datamove.ledger.transfers import TaskOf


def tag_of(dag_id: str, run_id: str, task_id: str, map_index: int | None, max_tries: int) -> str:
    """The YARN tag of a task instance: the same for each of its tries, on whatever machine, until it is cleared.

    :param max_tries: what Airflow raises when a task is cleared (``clear_task_instances``: tries so far plus retries),
        and at no other time.
    """
    return _tag(dag_id, run_id, task_id, str(map_index), str(max_tries))


def tag_of_request(id: str, generation: int) -> str:
    """The YARN tag of a request of the ledger: the same in whatever run it is worked on.

    :param generation: how often a person had it done anew.
    """
    return _tag("ledger", id, str(generation))


def task_of(context: Context) -> TaskOf:
    """By which its transfers are found again."""
    ti = context["ti"]
    return TaskOf(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)


def _tag(*key: str) -> str:
    return f"datamove-{hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:32]}"
