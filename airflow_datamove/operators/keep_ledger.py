"""Keeps the ledger: :class:`KeepLedgerOperator`, the one task of the DAG ``datamove_keep_ledger``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.give_back import give_back, live_runs
from airflow_datamove.ledger.runs import ask_for_run, begun, lanes_with_work, stale
from airflow_datamove.ledger.transfers import GRACE, TaskOf, remove, silent
from airflow_datamove.operators.wake import make_run
from airflow_datamove.scheduling.leased_runs import lane_dag

_OVER = ("success", "failed")
_TASK_OVER = (*_OVER, "skipped", "upstream_failed", "removed")


class KeepLedgerOperator(BaseOperator):
    """Gives back what was leased by who is gone, and sees to it that runs come for what is pending.

    Everything that it does is done by others too, in the ordinary way of things; it is there for the day when one of
    them died in between.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Looks once."""
        ledger = LedgerHook().get_conn()
        states = {run_id: _state(context, dag_id, run_id) for dag_id, run_id in live_runs(ledger)}
        returned = give_back(ledger, over=[run_id for run_id, state in states.items() if state in ("", *_OVER)])
        for asked in stale(ledger):
            state = _state(context, lane_dag(asked.tenant, asked.lane), asked.run_id)
            if state in _OVER or (not state and not make_run(lane_dag(asked.tenant, asked.lane), asked.run_id)):
                begun(ledger, asked.run_id)
        called = [f"{tenant}.{lane}" for tenant, lane in lanes_with_work(ledger) if _called(ledger, tenant, lane)]
        done: dict[str, Any] = {
            "returned": returned.pending,
            "dead": returned.dead,
            "cancelled": returned.cancelled,
            "called": called,
        }
        done["transfers"] = remove(
            ledger, [id for id, what in silent(ledger).items() if _over(context, *what)], silent=GRACE
        )
        self.log.info("%s", done)
        return done


def _over(context: Context, task: TaskOf, job: bool) -> bool:
    """Whether nothing of a transfer can be left. A DistCp job lives on while its task waits for a retry."""
    index = task.map_index if task.map_index >= 0 else None
    try:
        found = context["ti"].get_task_states(task.dag_id, index, [task.task_id], run_ids=[task.run_id])
    except AirflowRuntimeError as error:
        if "not_found" in str(error).lower():
            return True
        raise
    state = next(iter(found.get(task.run_id, {}).values()), None)
    if task.run_id not in found:
        return True
    return str(state) in _TASK_OVER if job else str(state) != "running"


def _called(ledger: Ledger, tenant: str, lane: str) -> bool:
    asked = ask_for_run(ledger, tenant, lane)
    if asked is None:
        return False
    if not make_run(lane_dag(tenant, lane), asked.run_id):
        begun(ledger, asked.run_id)
        return False
    return True


def _state(context: Context, dag_id: str, run_id: str) -> str:
    """A run's state; empty: it is gone."""
    try:
        return str(context["ti"].get_dagrun_state(dag_id, run_id))
    except AirflowRuntimeError as error:
        if "not_found" in str(error).lower():
            return ""
        raise
