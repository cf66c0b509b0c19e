"""Gives back what transfers have reserved whose tasks are over: :func:`free_transfers`."""

from __future__ import annotations

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.transfers import GRACE, TaskOf, remove, silent

_OVER = ("success", "failed", "skipped", "upstream_failed", "removed")


def free_transfers(context: Context, ledger: Ledger) -> int:
    """Takes off what nobody renews, if Airflow says that its task is over: so long the task holds its slots too.

    :return: how many it were.
    """
    over = [id for id, (task, job) in silent(ledger).items() if _is_over(context, task, job)]
    return remove(ledger, over, silent=GRACE) if over else 0


def _is_over(context: Context, task: TaskOf, job: bool) -> bool:
    """Whether nothing of a transfer can be left. A DistCp job lives on while its task waits for a retry."""
    index = task.map_index if task.map_index >= 0 else None
    try:
        found = context["ti"].get_task_states(task.dag_id, index, [task.task_id], run_ids=[task.run_id])
    except AirflowRuntimeError as error:
        if "not_found" in str(error).lower():
            return True
        raise
    states = found.get(task.run_id, {})
    if not states:
        return True
    state = str(next(iter(states.values())))
    return state in _OVER if job else state != "running"
