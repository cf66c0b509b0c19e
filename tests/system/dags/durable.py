"""DAGs of one DistCp task that tries again and again, for those who kill what it needs: one gives its worker back while
the job runs, the other waits for the job itself."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_datamove.operators.distcp import DistCpOperator

for dag_id, deferrable in (("durable", True), ("durable_waiting", False)):
    with DAG(
        dag_id,
        schedule=None,
        is_paused_upon_creation=False,
        params={"source": Param(type="string"), "destination": Param(type="string")},
    ):
        DistCpOperator(
            task_id="distcp",
            source="{{ params.source }}",
            destination="{{ params.destination }}",
            overwrite="always",
            hadoop_conn_id="cluster",
            slot_rate="1 MiB/s",
            retries=50,
            retry_delay=timedelta(seconds=2),
            deferrable=deferrable,
        )
