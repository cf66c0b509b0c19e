"""The copy DAG of a tenant and a lane, ``<tenant>.copy.<lane>``: its runs' conf is the request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, conf

from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.scheduling.limits import Limits, priority_weight
from airflow_datamove.scheduling.links import distcp_pool, worker_pool
from airflow_datamove.scheduling.policy import PARAM
from airflow_datamove.spec.fields import Lane
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.tenant import Tenant

# A run whose DistCp is deferred for hours counts as active. The pools are the brake, not this.
_MOST_RUNS = 1000


def copy_dag(name: str, tenant: Tenant, platform: Platform, limits: Limits, lane: Lane) -> DAG:
    """Builds ``<name>.copy.<lane>``.

    The worker copies what is small; what is large goes to a mapped task with a pool and a task id of its own, because
    many-slot tasks under the task id of one-slot tasks would block or starve them.
    """
    with DAG(
        dag_id=f"{name}.copy.{lane}",
        description=f"Copies for {name}, lane {lane}",
        schedule=None,
        catchup=False,
        max_active_runs=_MOST_RUNS,
        is_paused_upon_creation=False,
        # A DAG belongs to the file that names it, not to any file whose reading happens to build it.
        auto_register=False,
        tags={name, lane, "datamove"},
        default_args=task_defaults(name, tenant),
        access_control=tenant.access or None,
        params=_form(limits),
        doc_md=_DOC,
    ) as dag:
        copy = SizeRoutedCopyOperator(
            task_id="copy",
            posted=True,
            **copy_arguments(platform, limits, lane, slots=None),
            params={PARAM: {"lane": lane, "distcp": False, "limits": limits.to_dict()}},
        )
        DistCpOperator.partial(
            task_id="distcp",
            **distcp_arguments(platform, limits, lane, slots=None),
            params={PARAM: {"lane": lane, "distcp": True, "limits": limits.to_dict()}},
        ).expand(handed_over=copy.output)
    return dag


def task_defaults(name: str, tenant: Tenant) -> dict[str, Any]:
    """``default_args`` of every DAG of a tenant.

    While Airflow's API server is away, each start of a task burns a try: hence several, further and further apart.
    """
    defaults: dict[str, Any] = {
        "owner": tenant.owner,
        "retries": 5,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "weight_rule": "absolute",
    }
    if templates := conf.get("datamove", "pod_templates", fallback=""):
        defaults["executor_config"] = {"pod_template_file": f"{templates}/{name}.yaml"}
    return defaults


def copy_arguments(
    platform: Platform, limits: Limits, lane: Lane, slots: int | None, priority: int = 50
) -> dict[str, Any]:
    """What a generated SizeRoutedCopyOperator gets besides its request."""
    return {
        "hand_over": True,
        "threshold": platform.threshold,
        "hadoop_conn_id": limits.hadoop,
        "limits": limits.to_dict(),
        "lane": lane,
        "pool": worker_pool(limits.link, lane),
        "pool_slots": limits.clamp_slots(slots, distcp=False, lane=lane),
        "priority_weight": priority_weight(lane, priority),
    }


def distcp_arguments(
    platform: Platform, limits: Limits, lane: Lane, slots: int | None, priority: int = 50
) -> dict[str, Any]:
    """What a generated, mapped DistCpOperator gets besides what is handed over to it."""
    return {
        "hadoop_conn_id": limits.hadoop or DistCpOperator.default_hadoop_conn_id,
        "queue": limits.queue,
        "properties": dict(platform.hadoop.properties) if platform.hadoop else {},
        "limits": limits.to_dict(),
        "lane": lane,
        "pool": distcp_pool(limits.link),
        "pool_slots": limits.clamp_slots(slots, distcp=True, lane=lane),
        "priority_weight": priority_weight(lane, priority),
    }


def _form(limits: Limits) -> dict[str, Param]:
    """The trigger form's fields; Airflow answers 400 for a conf that does not fit them."""
    fields = CopyRequest.model_fields
    described: dict[str, dict[str, Any]] = {
        name: {"title": title, "description": fields[name].description} for name, title in _FORM.items()
    }
    most = limits.max_slots
    return {
        # A run that takes its requests from the ledger has neither; a posted one without them is refused all the same.
        "source": Param(None, type=["null", "string"], minLength=1, **described["source"]),
        "destination": Param(None, type=["null", "string"], minLength=1, **described["destination"]),
        "overwrite": Param("if_changed", enum=["never", "if_changed", "always"], **described["overwrite"]),
        "mirror": Param(False, type="boolean", **described["mirror"]),
        "priority": Param(50, type="integer", minimum=0, maximum=99, **described["priority"]),
        "client": Param("", type=["null", "string"], maxLength=120, **described["client"]),
        "route": Param("auto", enum=["auto", "worker", "distcp", "server_side"], **described["route"]),
        "slots": Param(None, type=["null", "integer"], minimum=1, maximum=most, **described["slots"]),
        "include": Param(None, type=["null", "array"], items={"type": "string"}, **described["include"]),
        "exclude": Param(None, type=["null", "array"], items={"type": "string"}, **described["exclude"]),
        "manifest": Param(None, type=["null", "string"], **described["manifest"]),
        "receipt": Param(None, type=["null", "string"], **described["receipt"]),
        "create": Param(False, type="boolean", **described["create"]),
        "publish": Param("each", enum=["each", "together"], **described["publish"]),
        "verify": Param("checksum", enum=["checksum", "read_back"], **described["verify"]),
        "on_error": Param("continue", enum=["continue", "stop"], **described["on_error"]),
        "error_budget": Param(0, type="integer", minimum=0, **described["error_budget"]),
    }


_FORM = {
    "source": "Source",
    "destination": "Destination",
    "overwrite": "Overwrite",
    "mirror": "Mirror",
    "priority": "Priority (0 to 99)",
    "client": "Client",
    "route": "Route",
    "slots": "Slots",
    "include": "Include",
    "exclude": "Exclude",
    "manifest": "Manifest",
    "receipt": "Receipt",
    "create": "Create the container",
    "publish": "Publish",
    "verify": "Verify",
    "on_error": "On error",
    "error_budget": "Error budget",
}

_DOC = """
A run of this DAG is one copy: its conf is the request; or it works for about a minute on the requests that wait in the
ledger (`{"from_ledger": true}`). Small sources are copied by the worker (`copy`), large ones by
Hadoop DistCp (`distcp`). The result is the XCom `report` of the task that copied.
"""
