"""The copy DAGs as Airflow keeps them: a tenant's limits are read from them, and runs of them are made."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from airflow.models.dag import DagModel
from airflow.models.dagbag import DBDagBag
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.runs import AskedRun, ask_for_run, begun
from airflow_datamove.scheduling.leased_runs import LEASED_CONF, lane_dag
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.scheduling.policy import PARAM

_FRESH = 5.0
"""Seconds for which a tenant's limits are remembered."""
_log = logging.getLogger(__name__)


class Lanes:
    """Looks up lanes and wakes them."""

    def __init__(self) -> None:
        self._bag = DBDagBag()
        self._limits: dict[str, tuple[float, Limits | None]] = {}

    def limits(self, tenant: str, lane: str) -> Limits | None:
        """What a tenant may do, as its copy DAG carries it; ``None`` if there is no such lane."""
        dag_id = lane_dag(tenant, lane)
        read, found = self._limits.get(dag_id, (0.0, None))
        if time.monotonic() - read > _FRESH:
            found = self._read(dag_id)
            self._limits[dag_id] = (time.monotonic(), found)
        return found

    def _read(self, dag_id: str) -> Limits | None:
        with create_session() as session:
            known = session.scalar(select(DagModel.dag_id).where(DagModel.dag_id == dag_id, ~DagModel.is_stale))
            dag = self._bag.get_latest_version_of_dag(dag_id, session=session) if known else None
            if dag is None:
                return None
            carried = dag.get_task("copy").params[PARAM]
        return Limits.from_dict(carried["limits"])

    def wake(self, ledger: Ledger, tenant: str, lane: str, user: str) -> None:
        """Makes a run for what is pending, unless one waits already.

        What cannot be made now is made by the next who asks, or by the DAG that keeps the ledger.
        """
        try:
            asked = ask_for_run(ledger, tenant, lane)
            if asked is not None and not self._made(asked, user):
                begun(ledger, asked.run_id)
        except LedgerUnavailable as error:
            _log.warning("%s", error)

    def _made(self, asked: AskedRun, user: str) -> bool:
        now = datetime.now(UTC)
        try:
            with create_session() as session:
                dag = self._bag.get_latest_version_of_dag(lane_dag(asked.tenant, asked.lane), session=session)
                if dag is None:
                    return False
                dag.create_dagrun(
                    run_id=asked.run_id,
                    # Of its own: among tasks without one Airflow picks arbitrarily, and a tenant may starve.
                    logical_date=now,
                    data_interval=(now, now),
                    run_after=now,
                    conf=dict(LEASED_CONF),
                    run_type=DagRunType.MANUAL,
                    triggered_by=DagRunTriggeredByType.REST_API,
                    triggering_user_name=user,
                    state=DagRunState.QUEUED,
                    session=session,
                )
        except IntegrityError:
            _log.warning("A run of %s was made at this very moment", lane_dag(asked.tenant, asked.lane))
            return False
        except Exception:  # the requests are safe in the ledger, whatever keeps Airflow from making a run
            _log.exception("No run of %s could be made", lane_dag(asked.tenant, asked.lane))
            return False
        return True
