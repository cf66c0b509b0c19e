"""Records what is posted to Airflow itself in the ledger, so that a search there sees all: :func:`recorded`."""

from __future__ import annotations

import logging

from airflow.sdk import Context

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.submit import NewRequest, record
from airflow_datamove.spec.request import CopyRequest, conf_of

_log = logging.getLogger(__name__)


def recorded(context: Context, request: CopyRequest, tenant: str, lane: str) -> str:
    """Records a run's request as running.

    :return: its id in the ledger; empty where the ledger cannot be reached: the copy does not need it.
    :raises StoreUnavailable: if another request is writing to its destination now.
    """
    ti = context["ti"]
    new = NewRequest(
        tenant,
        lane,
        request.source,
        request.destination,
        conf_of(request),
        priority=request.priority,
        client=request.client,
        submitted_by=str(getattr(context["dag_run"], "triggering_user_name", None) or ""),
    )
    try:
        return record(LedgerHook().get_conn(), new, ti.dag_id, ti.run_id)
    except StoreUnavailable:
        raise
    except Exception as error:  # whatever keeps the record from being made must not keep the copy from it
        _log.warning("The request could not be recorded: %s", error)
        return ""
