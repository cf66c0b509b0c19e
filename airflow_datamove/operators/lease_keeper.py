"""Keeps a lease alive while its requests are worked on: :class:`LeaseKeeper`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from airflow_datamove.errors import LedgerUnavailable
from airflow_datamove.ledger.give_back import SECONDS_TO_LIVE
from airflow_datamove.ledger.lease import Lease

BEAT = 1.0
"""Seconds between two looks at what somebody wants cancelled: a cancel stops the bytes within two."""

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Beats from a thread of its own, tells how far the requests are, and hears which of them are to end.

    :param ours: id -> how far it is, or ``None``, of all that is being worked on.
    :param end: is told the ids of requests that somebody wants cancelled, or that are no longer ours.
    """

    def __init__(
        self,
        lease: Lease,
        ours: Callable[[], Mapping[str, Mapping[str, Any] | None]],
        end: Callable[[Iterable[str]], None],
        *,
        every: float = BEAT,
    ) -> None:
        self._lease, self._ours, self._end, self._every = lease, ours, end, every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.lost = False
        """The lease is gone: whatever we still do, nothing of it may be told."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        heard = time.monotonic()
        while not self._stopped.wait(self._every):
            ours = self._ours()
            try:
                beat = self._lease.beat({id: progress for id, progress in ours.items() if progress is not None})
            except LedgerUnavailable as error:
                if time.monotonic() - heard > SECONDS_TO_LIVE:
                    _log.warning("%s. Others may have our requests by now; what we finish will tell", error)
                continue
            heard = time.monotonic()
            if beat.lost:
                _log.warning("The lease %s is gone: another try has our requests", self._lease.id)
                self.lost = True
            self._end(beat.cancelling | (set(ours) - beat.held))
