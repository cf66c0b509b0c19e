"""Who may do what: the rights on a tenant's copy DAGs, as Airflow's own API asks for them."""

from __future__ import annotations

import re
from typing import Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel

from airflow_datamove.scheduling.leased_runs import lane_dag

_LANE_DAG = re.compile(r"([a-z0-9][a-z0-9_-]*)\.copy\.(?:urgent|normal|bulk)")
Method = Literal["GET", "POST", "PUT"]


def may(user: Any, method: Method, tenant: str, lane: str) -> bool:
    """Whether a user may look at (GET), make (POST) or change (PUT) runs of a tenant's lane."""
    dag_id = lane_dag(tenant, lane)
    return bool(
        get_auth_manager().is_authorized_dag(
            method=method,
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
            user=user,
        )
    )


def tenants_of(user: Any, method: Method = "GET") -> set[str]:
    """The tenants whose requests a user may look at, or change."""
    found = set()
    for dag_id in get_auth_manager().get_authorized_dag_ids(user=user, method=method):
        if (match := _LANE_DAG.fullmatch(dag_id)) and match[1] not in found and may(user, method, *_parts(dag_id)):
            found.add(match[1])
    return found


def _parts(dag_id: str) -> tuple[str, str]:
    tenant, _, lane = dag_id.split(".")
    return tenant, lane
