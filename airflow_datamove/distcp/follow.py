"""Following one job on asyncio: :func:`follow`. Its state comes from the poll that all jobs of a cluster share."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from airflow_datamove.distcp.lease import Lease
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.lookout import lookout_of
from airflow_datamove.distcp.progress import JobProgress, JobRef
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.distcp.yarn import App
from airflow_datamove.errors import TrackingLost

_log = logging.getLogger(__name__)
_SECONDS_OF_PATIENCE = 600.0
# A job's own questions, two each time, go through the resource manager's proxy.
_LEAST_SECONDS_BETWEEN_DETAILS, _SECONDS_BETWEEN_DETAILS = 4.0, 40.0
_SECONDS_A_JOB = 0.2
"""Of few jobs they are asked more often: from two hundred on every forty seconds."""

# A master that hangs holds a thread for seconds; the poll has one of its own.
_threads = ThreadPoolExecutor(4, thread_name_prefix="distcp-details")


async def follow(job: DistCpJob, ref: JobRef, every: float) -> AsyncIterator[JobProgress]:
    """How far a job is, again and again; the last one says that it has ended.

    While it is followed the job's lease is renewed, and what fails in it is logged.

    :param every: seconds between two looks, about.
    :raises TrackingLost: if nobody has known of it for ten minutes.
    """
    lookout, details = lookout_of(job.cluster), _Details(job, ref)
    heard = time.monotonic()
    while True:
        try:
            app = await lookout.app(ref.tag, ref.application_id, every)
            if app is None:  # the JobHistory server is asked then
                progress = await asyncio.to_thread(job.progress, ref, None, 0)
            else:
                progress = job.progress(ref, app, details.bytes_done)
        except (NoAnswer, TrackingLost) as error:
            if time.monotonic() - heard > _SECONDS_OF_PATIENCE:
                raise TrackingLost(f"{ref.application_id} cannot be asked after: {error}") from None
            _log.warning("%s cannot be asked after: %s", ref.application_id, error)
            await asyncio.sleep(every)
            continue
        heard = time.monotonic()
        yield progress
        if progress.finished:
            return
        if app is not None:
            await details.look(app, lookout.jobs)


class _Details:
    """What the job's own master tells, asked for once in a while and in a thread."""

    def __init__(self, job: DistCpJob, ref: JobRef) -> None:
        self.bytes_done = 0
        self._job, self._ref = job, ref
        # Hundreds of triggers that begin together, when a triggerer starts, must not ask together.
        self._began, self._share = time.monotonic(), random.uniform(0.05, 1.0)
        self._next = 0.0
        self._lease = Lease(job, ref)
        self._told = ""

    async def look(self, app: App, jobs: int) -> None:
        """Asks if it is time to.

        :param jobs: so many are followed.
        """
        now = time.monotonic()
        pause = min(_SECONDS_BETWEEN_DETAILS, max(_LEAST_SECONDS_BETWEEN_DETAILS, _SECONDS_A_JOB * jobs))
        if now < (self._next or self._began + pause * self._share):
            return
        self._next = now + pause
        trouble = await asyncio.get_running_loop().run_in_executor(_threads, self._ask, app)
        if trouble and trouble != self._told:
            self._told = trouble
            _log.warning("Tried again: %s", trouble)

    def _ask(self, app: App) -> str:
        self._lease.renew()
        if app.state != "RUNNING":
            return ""
        self.bytes_done = self._job.bytes_done(self._ref, app)
        return self._job.troubles(self._ref, app)
