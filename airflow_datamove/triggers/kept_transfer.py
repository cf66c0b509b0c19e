"""A DistCp job's part of its link, kept while a trigger waits for the job."""

from __future__ import annotations

import asyncio
import logging
import time

from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.transfers import keep

EVERY = 5.0
"""Seconds; after fifteen without it Airflow is asked whether the task is over."""

_log = logging.getLogger(__name__)


class KeptTransfer:
    """Renews one row.

    :param id: its id; empty: there is none.
    :param ledger: by default Airflow's connection tells it, once it does.
    """

    def __init__(self, id: str, ledger: Ledger | None = None) -> None:
        self._id, self._ledger = id, ledger
        self._kept = time.monotonic() - EVERY

    async def keep(self) -> None:
        """Renews it, if it is time. From a trigger's event loop.

        A ledger that is away, or whose connection Airflow does not tell, takes nothing from a job.
        """
        if not self._id or time.monotonic() - self._kept < EVERY:
            return
        self._kept = time.monotonic()
        try:
            if self._ledger is None:
                self._ledger = await LedgerHook().aget_conn()
            await asyncio.to_thread(keep, self._ledger, self._id)
        except Exception as error:  # of Airflow, of the database's driver, or ours
            _log.warning("%s cannot be renewed: %s", self._id, error)
