"""Waits until something stands at an address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_datamove.address import Address
from airflow_datamove.errors import DatamoveError, Refused
from airflow_datamove.hooks.connections import FetchedConnections
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.glob import is_glob, unescape


class ExistsTrigger(BaseTrigger):
    """Fires ``{"exists": True}`` once something stands at the address, ``{"exists": False}`` when time is up, and
    ``{"error": text}`` when looking again cannot help.

    :param address: the address, without templates or globs.
    :param poll_interval: seconds between two looks.
    :param until: seconds since the epoch, after which it gives up.
    """

    def __init__(self, *, address: str, poll_interval: float, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.address = address
        self.poll_interval = poll_interval
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which any triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"address": self.address, "poll_interval": self.poll_interval, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks until it is there."""
        address = Address.parse(self.address)
        while True:
            try:
                connections = await FetchedConnections.fetch([address.connection_id])
                if await asyncio.to_thread(stands, address, connections):
                    yield TriggerEvent({"exists": True})
                    return
            except DatamoveError as error:
                if not error.retryable:
                    yield TriggerEvent({"error": str(error)})
                    return
                # A store that is away for half an hour must not end a wait of a day.
                self.log.warning("%s cannot be looked at: %s", self.address, error)
            if time.time() + self.poll_interval > self.until:
                yield TriggerEvent({"exists": False})
                return
            await asyncio.sleep(self.poll_interval)


def stands(address: Address, connections: Connections) -> bool:
    """True if something stands at the address: a file, or a directory where it ends with a slash.

    :raises Refused: for a glob.
    :raises StoreError: if the store cannot say.
    """
    if is_glob(address.path):
        raise Refused(f"{address} is a glob", remedy="Name one file or directory to wait for")
    with open_store(address, connections) as store:
        path = unescape(address.path).rstrip("/") or "/"
        if not address.is_directory:
            return store.exists(path)
        return store.exists(path) and store.stat(path).kind == "directory"
