"""Makes another run of a DAG from the middle of a task.

Airflow has no public way for that: its TriggerDagRunOperator ends the task. This sends the message that it sends.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

from airflow_datamove.scheduling.leased_runs import LEASED_CONF

_log = logging.getLogger(__name__)


def make_run(dag_id: str, run_id: str, conf: Mapping[str, Any] = LEASED_CONF) -> bool:
    """Makes a run under this id, unless there is one already.

    A logical date of its own keeps lanes of equal priority in turn: Airflow picks tasks without one arbitrarily.

    :return: False if Airflow refuses: there is no such DAG, or it is not to be triggered.
    """
    message = TriggerDagRun(dag_id=dag_id, run_id=run_id, conf=dict(conf), logical_date=datetime.now(UTC))
    try:
        answer = task_runner.SUPERVISOR_COMMS.send(message)
    except AirflowRuntimeError as error:
        answer = error.error
    if isinstance(answer, ErrorResponse) and answer.error != ErrorType.DAGRUN_ALREADY_EXISTS:
        _log.warning("No run of %s could be made: %s", dag_id, answer.error)
        return False
    return True
