"""Anyone's own Airflow DAG, with the operators alone in it."""

from airflow.sdk import DAG, Param

from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.sensors.exists import ExistsSensor

with DAG(
    "anyones",
    schedule=None,
    is_paused_upon_creation=False,
    params={"source": Param(type="string"), "destination": Param(type="string")},
):
    there = ExistsSensor(task_id="there", address="{{ params.source }}", deferrable=False, timeout=60, poke_interval=1)
    copy = SizeRoutedCopyOperator(
        task_id="copy",
        source="{{ params.source }}",
        destination="{{ params.destination }}",
        hadoop_conn_id="cluster",
        threshold="1 MiB",
    )
    again = DistCpOperator(
        task_id="again",
        source="{{ params.source }}",
        destination="{{ params.destination }}",
        overwrite="always",
        hadoop_conn_id="cluster",
        slot_rate="50 MiB/s",
        deferrable=False,
        poll_interval=1,
    )
    there >> copy >> again
