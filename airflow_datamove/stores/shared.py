"""Stores that many copies of one process share: :class:`SharedStores`.

To log in and to connect costs more than to copy a small file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Self

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store

Opener = Callable[[Address, Connections], AbstractContextManager[Store]]
"""Opens the store of an address: :func:`~airflow_datamove.stores.registry.open_store`, or that of a SharedStores."""

_OF_THE_WHOLE_ADDRESS = frozenset({"http", "https"})


class SharedStores:
    """Opens each store once, and closes all at its own end. A store may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, str, str], Store] = {}
        self._stack = ExitStack()

    @contextmanager
    def open(self, address: Address, connections: Connections) -> Iterator[Store]:
        """As :func:`~airflow_datamove.stores.registry.open_store`; the end of the block closes nothing."""
        if address.scheme in _OF_THE_WHOLE_ADDRESS:
            with open_store(address, connections) as store:
                yield store
            return
        key = (address.scheme, address.connection_id, address.authority)
        with self._lock:
            if key not in self._opened:
                self._opened[key] = self._stack.enter_context(open_store(address, connections))
        yield self._opened[key]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class RememberedConnections:
    """Connections that are looked up once, one at a time."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._found: dict[str, Connection] = {}

    def get(self, connection_id: str) -> Connection:
        """The connection of this id.

        :raises ConnectionNotFound: as the connections behind it do.
        """
        with self._lock:
            if connection_id not in self._found:
                self._found[connection_id] = self._connections.get(connection_id)
            return self._found[connection_id]
