"""Waits for a DistCp job on YARN."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob, JobProgress, JobRef
from airflow_datamove.errors import DatamoveError
from airflow_datamove.hooks.connections import FetchedConnections
from airflow_datamove.quantity import format_size

_PATIENCE = 600.0


class DistCpTrigger(BaseTrigger):
    """Fires once, when the job has ended or can no longer be asked after.

    The event is ``{"state": YARN's final status or "LOST", "message": diagnostics}``.

    :param hadoop_conn_id: connection of type ``hadoop``.
    :param ref: :meth:`JobRef.to_dict` of the job.
    :param poll_interval: seconds between two looks.
    :param kill_on_cancel: ends the YARN application when a person ends the task.
    """

    def __init__(
        self, *, hadoop_conn_id: str, ref: dict[str, Any], poll_interval: float = 5.0, kill_on_cancel: bool = True
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hadoop_conn_id = hadoop_conn_id
        self.ref = ref
        self.poll_interval = poll_interval
        self.kill_on_cancel = kill_on_cancel

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which any triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "hadoop_conn_id": self.hadoop_conn_id,
                "ref": self.ref,
                "poll_interval": self.poll_interval,
                "kill_on_cancel": self.kill_on_cancel,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Asks the resource manager until the job has ended."""
        job, ref = await self._job(), JobRef.from_dict(self.ref)
        answered, shown = time.monotonic(), None
        while True:
            try:
                progress = await asyncio.to_thread(job.poll, ref)
            except DatamoveError as error:
                if time.monotonic() - answered > _PATIENCE:
                    yield TriggerEvent({"state": "LOST", "message": str(error)})
                    return
                self.log.warning("%s cannot be asked after: %s", ref.application_id, error)
            else:
                answered = time.monotonic()
                if progress.finished:
                    yield TriggerEvent({"state": progress.final_status, "message": progress.diagnostics})
                    return
                if (line := describe(progress)) != shown:
                    self.log.info("%s: %s", ref.application_id, line)
                    shown = line
            await asyncio.sleep(self.poll_interval)

    async def on_kill(self) -> None:
        """Ends the YARN application: a person has failed or cleared the task."""
        if self.kill_on_cancel:
            job = await self._job()
            await asyncio.to_thread(job.kill, JobRef.from_dict(self.ref))

    async def _job(self) -> DistCpJob:
        destination = JobRef.from_dict(self.ref).destination
        ends = [Address.parse(destination).connection_id] if destination else []
        connections = await FetchedConnections.fetch([self.hadoop_conn_id, *ends])
        return DistCpJob(connections.get(self.hadoop_conn_id), connections)


def describe(progress: JobProgress) -> str:
    """One line on a running job: its state, and its bytes where they are known."""
    if not progress.bytes_done:
        return progress.state
    total = f" of {format_size(progress.bytes_total)}" if progress.bytes_total else ""
    return f"{progress.state}, {format_size(progress.bytes_done)}{total}"
