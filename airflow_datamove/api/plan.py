"""What would be done with a request: :func:`plan`, for ``dry_run``; and whether its deadline will be met."""

from __future__ import annotations

from typing import Any

from airflow_datamove.hooks.connections import AirflowConnections
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.estimate import Estimate, estimate
from airflow_datamove.ledger.submit import NewRequest, due_of
from airflow_datamove.operators.routed_copy import RoutedCopy
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.request import read_request


def plan(ledger: Ledger, new: NewRequest, limits: Limits) -> dict[str, Any]:
    """Measures the source, chooses the route, and looks at the queue; moves nothing.

    :raises DatamoveError: if the source cannot be read, as the copy itself would find.
    """
    request = read_request(new.conf)
    copies = RoutedCopy(limits.threshold, limits.hadoop, connections=AirflowConnections(), limits=limits)
    asked, decision = copies.routed(request)
    distcp = decision.route == "distcp"
    rate = limits.slots(request, distcp=distcp, lane=new.lane) * limits.slot_rate
    own = asked.bytes / rate
    return {
        "route": str(decision.route),
        "reason": decision.reason,
        "files": asked.files,
        "bytes": asked.bytes,
        "whole": asked.whole,
        "rate": rate,
        **expected(ledger, new, seconds=own).to_dict(),
    }


def expected(ledger: Ledger, new: NewRequest, *, seconds: float | None = None) -> Estimate:
    """When a request that is submitted now will be done."""
    due = due_of(ledger.now(), new.priority)
    return estimate(ledger, new.tenant, new.lane, due, deadline_at=new.deadline_at, seconds=seconds)
