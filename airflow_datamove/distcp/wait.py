"""Waiting for a job's end on this thread: :func:`wait_for_end`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_datamove.distcp.lease import Lease
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.errors import Cancelled, TrackingLost

_SECONDS_OF_PATIENCE = 600.0


def wait_for_end(
    job: DistCpJob,
    ref: JobRef,
    every: float,
    cancelled: threading.Event,
    progress: Callable[[JobProgress], None] | None = None,
) -> None:
    """Returns when a job has ended, however that was. Until then its lease is renewed.

    :param every: seconds between two looks.
    :param progress: called after each look.
    :raises Cancelled: once that is set; the job is left to the caller.
    :raises TrackingLost: if nobody has known of it for ten minutes.
    """
    heard, lease = time.monotonic(), Lease(job, ref)
    while True:
        try:
            state = job.poll(ref)
            heard = time.monotonic()
        except TrackingLost:
            if time.monotonic() - heard > _SECONDS_OF_PATIENCE:
                raise
        else:
            if progress is not None:
                progress(state)
            if state.finished:
                return
            lease.renew()
        if cancelled.wait(every):
            raise Cancelled(f"cancelled: job {ref.application_id} was killed")
