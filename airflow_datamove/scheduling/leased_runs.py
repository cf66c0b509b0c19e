"""Runs of a copy DAG that take their requests from the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_datamove.spec.fields import Lane

LEASED_CONF: Mapping[str, Any] = {"from_ledger": True}
"""The conf of such a run."""


def is_from_ledger(conf: Any) -> bool:
    """Whether a run takes its requests from the ledger."""
    return isinstance(conf, Mapping) and conf.get("from_ledger") is True


def lane_dag(tenant: str, lane: Lane | str) -> str:
    """The id of the copy DAG of a tenant's lane."""
    return f"{tenant}.copy.{lane}"
