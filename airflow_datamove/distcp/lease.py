"""The lease on which a job lives, renewed by who waits for it: :class:`Lease`."""

from __future__ import annotations

import random
import time

from airflow_datamove.distcp.lifecycle import LEASE_SECONDS, DistCpJob
from airflow_datamove.distcp.progress import JobRef

_SECONDS_BETWEEN = 3600.0
# The submitter has lent half an hour. When a triggerer starts, its hundreds of jobs must not renew theirs together.
_SECONDS_TO_FIRST = 300.0
# Several times before the submitter's half an hour is over, and seldom enough for a cluster that knows no lifetimes.
_SECONDS_TO_TRY_AGAIN = 120.0


class Lease:
    """One job's lease (:meth:`DistCpJob.lend`), which the submitter has begun."""

    def __init__(self, job: DistCpJob, ref: JobRef) -> None:
        self._job, self._ref = job, ref
        self._next = time.monotonic() + random.uniform(0, _SECONDS_TO_FIRST)

    def renew(self) -> None:
        """Renews it if it is time to; a renewal that has not worked is tried again in minutes. May take seconds."""
        if time.monotonic() < self._next:
            return
        lent = self._job.lend(self._ref, LEASE_SECONDS)
        self._next = time.monotonic() + (_SECONDS_BETWEEN if lent else _SECONDS_TO_TRY_AGAIN)
