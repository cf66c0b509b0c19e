"""Keeps the ledger: :class:`KeepLedgerOperator`, the one task of the DAG ``datamove_keep_ledger``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_datamove.errors import DatamoveError
from airflow_datamove.hooks.hadoop import HadoopHook
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.estimate import warn_of_late
from airflow_datamove.ledger.give_back import give_back, live_runs
from airflow_datamove.ledger.prune import prune
from airflow_datamove.ledger.runs import ask_for_run, begun, lanes_with_work, stale
from airflow_datamove.operators.free_transfers import free_transfers
from airflow_datamove.operators.wake import make_run
from airflow_datamove.scheduling.leased_runs import lane_dag

_OVER = ("success", "failed")


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
        for job in returned.jobs:
            self._end_job(job)
        for asked in stale(ledger):
            state = _state(context, lane_dag(asked.tenant, asked.lane), asked.run_id)
            if state in _OVER or (not state and not make_run(lane_dag(asked.tenant, asked.lane), asked.run_id)):
                begun(ledger, asked.run_id)
        called = [f"{tenant}.{lane}" for tenant, lane in lanes_with_work(ledger) if _called(ledger, tenant, lane)]
        late = warn_of_late(ledger)
        for id in late:
            self.log.warning("Request %s will miss its deadline", id)
        forgotten = prune(ledger, most=10_000)
        done = {"returned": returned.pending, "dead": returned.dead, "cancelled": returned.cancelled, "called": called}
        done |= {"late": late, "forgotten": forgotten, "transfers": free_transfers(context, ledger)}
        self.log.info("%s", done)
        return done

    def _end_job(self, job: str) -> None:
        """Ends the DistCp job of a request that nobody will work on any more; YARN's own lease ends it otherwise."""
        connection, _, tag = job.partition("|")
        try:
            ended, _ = HadoopHook(connection).get_conn().cancel("", tag)
            self.log.info("Of %s ended: %s", tag, ", ".join(app.id for app in ended) or "nothing ran")
        except DatamoveError as error:
            self.log.warning("The job of %s could not be ended: %s", tag, error)


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
