"""The DAG that keeps the ledger, ``datamove_keep_ledger``: the platform's own, one for all tenants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_datamove.operators.keep_ledger import KeepLedgerOperator

KEEP_DAG = "datamove_keep_ledger"
"""Its id. A tenant's DAG has a dot in its id, so none can be called so."""


def keep_dag() -> DAG:
    """Builds it."""
    with DAG(
        dag_id=KEEP_DAG,
        description="Gives back requests whose worker is gone, and calls runs for those that wait",
        schedule=timedelta(minutes=1),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        auto_register=False,
        tags={"datamove"},
        default_args={"retries": 0, "weight_rule": "absolute", "priority_weight": 1000},
        dagrun_timeout=timedelta(minutes=10),
    ) as dag:
        KeepLedgerOperator(task_id="keep")
    return dag
