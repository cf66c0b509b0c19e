"""Airflow's cluster policy: a posted request decides its tasks' priority weight and slots, and a bad one is refused.

Installed by the entry point group ``airflow.policy``. Only the tasks of generated copy DAGs are touched: they carry
their tenant's limits in their params. In the API server a request that cannot be is answered with 400; in the scheduler
nothing may be raised (it would end the scheduler for good), so there a bad value only falls back to its default.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from airflow import settings
from airflow.policies import hookimpl

from airflow_datamove.scheduling.admission import admit
from airflow_datamove.scheduling.leased_runs import is_from_ledger
from airflow_datamove.scheduling.limits import Limits, priority_weight
from airflow_datamove.spec.request import HIGHEST_PRIORITY, CopyRequest, read_request

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

PARAM = "datamove"
"""The task param under which a copy DAG's tasks carry ``{lane, distcp, limits}``."""

# Airflow 3.3 calls an installed policy only if this is false, and clears it by itself for airflow_local_settings alone.
settings.task_instance_mutation_hook.is_noop = False  # type: ignore[attr-defined]


@hookimpl
def task_instance_mutation_hook(task_instance: TaskInstance, dag_run: DagRun | None) -> None:
    """Sets weight and slots of a copy task from its run's conf."""
    carried = _carried(task_instance)
    if dag_run is None or carried is None:
        return
    conf = dag_run.conf if isinstance(dag_run.conf, dict) else {}
    limits, lane, distcp = Limits.from_dict(carried["limits"]), str(carried["lane"]), bool(carried["distcp"])
    if _is_being_posted(task_instance, dag_run) and not is_from_ledger(conf):
        admit(read_request(conf), limits, lane=lane)
    task_instance.priority_weight = priority_weight(lane, _whole(conf.get("priority"), _default("priority")))
    task_instance.pool_slots = limits.clamp_slots(_whole(conf.get("slots"), None), distcp=distcp, lane=lane)


def _default(field: str) -> int:
    return int(CopyRequest.model_fields[field].default)


def _whole(value: object, default: Any) -> Any:
    """The value if it is a whole number of sane size, else the default. A word that reached the database as a priority
    would end the scheduler, and so would a number that its column cannot hold."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= HIGHEST_PRIORITY * 10_000:
        return value
    return default


def _carried(task_instance: TaskInstance) -> dict[str, Any] | None:
    task = getattr(task_instance, "task", None)
    params = getattr(task, "params", None)
    if not params or PARAM not in params:
        return None
    carried = params[PARAM]
    return carried if isinstance(carried, dict) else None


def _is_being_posted(task_instance: TaskInstance, dag_run: DagRun) -> bool:
    """True in the API server, for a new run. A cleared run was let in once; its operators check it again anyway."""
    return (
        "airflow.api_fastapi.main" in sys.modules
        and not dag_run.clear_number
        and not task_instance.try_number
        and task_instance.start_date is None
    )
