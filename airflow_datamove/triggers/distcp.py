"""Waits for a DistCp job on YARN."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_datamove.address import Address
from airflow_datamove.distcp.follow import follow
from airflow_datamove.distcp.job import DistCpJob, JobProgress, JobRef
from airflow_datamove.distcp.lifecycle import LEASE_SECONDS
from airflow_datamove.errors import DatamoveError, TrackingLost
from airflow_datamove.hooks.connections import FetchedConnections
from airflow_datamove.quantity import format_size
from airflow_datamove.triggers.kept_transfer import KeptTransfer
from airflow_datamove.triggers.request_watch import RequestWatch

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0

CANCELLED = "CANCELLED"
"""The state of the event when somebody has cancelled the request."""


class DistCpTrigger(BaseTrigger):
    """Fires once, when the job has ended or can no longer be asked after.

    The event is ``{"state": YARN's final status, "LOST" or "CANCELLED", "message": diagnostics}``.

    :param hadoop_conn_id: connection of type ``hadoop``.
    :param ref: :meth:`JobRef.to_dict` of the job.
    :param poll_interval: seconds between two looks; all triggers of one process and cluster look together.
    :param kill_on_cancel: ends the YARN application when a person ends the task.
    :param transfer_id: the job's part of its link in the ledger, if it has one: it is kept.
    :param ledger_id: the request in the ledger, if it has one: its progress is shown there, and a cancel is heard.
    """

    def __init__(
        self,
        *,
        hadoop_conn_id: str,
        ref: dict[str, Any],
        poll_interval: float = 2.0,
        kill_on_cancel: bool = True,
        ledger_id: str = "",
        transfer_id: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hadoop_conn_id = hadoop_conn_id
        self.ref = ref
        self.poll_interval = poll_interval
        self.kill_on_cancel = kill_on_cancel
        self.ledger_id = ledger_id
        self.transfer_id = transfer_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which any triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "hadoop_conn_id": self.hadoop_conn_id,
                "ref": self.ref,
                "poll_interval": self.poll_interval,
                "kill_on_cancel": self.kill_on_cancel,
                "ledger_id": self.ledger_id,
                "transfer_id": self.transfer_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Asks the resource manager, together with all other triggers of this process, until the job has ended."""
        ref, shown = JobRef.from_dict(self.ref), None
        watch, kept = RequestWatch(self.ledger_id), KeptTransfer(self.transfer_id)
        try:
            job = await self._found()
            async for progress in follow(job, ref, self.poll_interval):
                if progress.finished:
                    yield TriggerEvent({"state": progress.final_status, "message": progress.diagnostics})
                    return
                if await watch.wants_cancel(progress):
                    await asyncio.to_thread(job.kill, ref)
                    yield TriggerEvent({"state": CANCELLED, "message": f"{ref.application_id} was killed"})
                    return
                await kept.keep()
                if (line := describe(progress)) != shown:
                    self.log.info("%s: %s", ref.application_id, line)
                    shown = line
        except DatamoveError as error:
            yield TriggerEvent({"state": "LOST", "message": str(error)})
        except Exception as error:  # whatever it is: a trigger that raises fails its task for good, and its job runs on
            self.log.exception("%s is followed no more", ref.application_id)
            yield TriggerEvent({"state": "LOST", "message": f"unexpected {type(error).__name__}: {error}"})

    async def on_kill(self) -> None:
        """Ends the YARN application: a person has failed or cleared the task."""
        if self.kill_on_cancel:
            job = await self._job()
            await asyncio.to_thread(job.kill, JobRef.from_dict(self.ref))

    async def _found(self) -> DistCpJob:
        """The job's cluster, once Airflow tells its connections: a triggerer may start before the API server does.

        :raises DatamoveError: if a connection is not there or not sound, or nobody tells it as long as the job may live
            without a word from us.
        """
        deadline, pause = time.monotonic() + LEASE_SECONDS, _FIRST_PAUSE
        while True:
            try:
                return await self._job()
            except DatamoveError:
                raise
            except Exception as error:  # of Airflow's API server, its database, or a secrets backend
                if time.monotonic() > deadline:
                    raise TrackingLost(f"Airflow does not tell {self.hadoop_conn_id!r}: {error}") from error
                self.log.warning("Airflow does not tell the connection %r yet: %s", self.hadoop_conn_id, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _job(self) -> DistCpJob:
        ref = JobRef.from_dict(self.ref)
        ends = [Address.parse(end).connection_id for end in (ref.source, ref.destination) if end]
        connections = await FetchedConnections.fetch([self.hadoop_conn_id, *ends])
        return DistCpJob(connections.get(self.hadoop_conn_id), connections)


def describe(progress: JobProgress) -> str:
    """One line on a running job: its state, and its bytes where they are known."""
    if not progress.bytes_done:
        return progress.state
    total = f" of {format_size(progress.bytes_total)}" if progress.bytes_total else ""
    return f"{progress.state}, {format_size(progress.bytes_done)}{total}"
