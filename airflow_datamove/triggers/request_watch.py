"""What a trigger has to do with the ledger: it shows how far its request is, and hears of a cancel."""

from __future__ import annotations

import asyncio
import logging
import time

from airflow_datamove.distcp.job import JobProgress
from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.lease import look_after

EVERY = 4.0
"""Seconds between two looks: with the kill itself a cancel ends the job within ten."""

_log = logging.getLogger(__name__)


class RequestWatch:
    """Looks after one request.

    :param id: its id; empty: there is none, and nothing is asked.
    """

    def __init__(self, id: str) -> None:
        self._id = id
        self._ledger: Ledger | None = None
        self._looked = time.monotonic() - EVERY

    async def wants_cancel(self, progress: JobProgress) -> bool:
        """Shows the progress; true if somebody wants the request cancelled. From a trigger's event loop.

        A ledger that is away, or whose connection Airflow does not tell, cancels nothing and ends nothing: the job is
        what is waited for.
        """
        if not self._id or time.monotonic() - self._looked < EVERY:
            return False
        self._looked = time.monotonic()
        if self._ledger is None:
            try:
                self._ledger = await LedgerHook().aget_conn()
            except Exception as error:  # of Airflow, of the database's driver, or ours
                _log.warning("Request %s cannot be looked after yet: %s", self._id, error)
                return False
        shown = {"bytes_done": progress.bytes_done or 0, "bytes": progress.bytes_total or 0, "state": progress.state}
        try:
            return await asyncio.to_thread(look_after, self._ledger, self._id, shown)
        except LedgerUnavailable as error:
            _log.warning("%s", error)
            return False
