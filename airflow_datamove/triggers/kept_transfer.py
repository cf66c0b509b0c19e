"""A DistCp job's part of its link, kept while a trigger waits for the job."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Self

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.hooks.ledger import LedgerHook
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.transfers import keep

EVERY = 5.0
"""Seconds; after fifteen without it Airflow is asked whether the task is over."""

_log = logging.getLogger(__name__)


class KeptTransfer:
    """Renews one row.

    :param id: its id; empty: there is none.
    """

    def __init__(self, ledger: Ledger | None, id: str) -> None:
        self._ledger, self._id = ledger, id
        self._kept = time.monotonic() - EVERY

    @classmethod
    async def of(cls, id: str) -> Self:
        """Opens the ledger, from a trigger's event loop."""
        return cls(await LedgerHook().aget_conn() if id else None, id)

    async def keep(self) -> None:
        """Renews it, if it is time. A ledger that is away takes nothing from a job."""
        if self._ledger is None or time.monotonic() - self._kept < EVERY:
            return
        self._kept = time.monotonic()
        try:
            await asyncio.to_thread(keep, self._ledger, self._id)
        except LedgerUnavailable as error:
            _log.warning("%s", error)
