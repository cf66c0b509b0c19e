"""Listing directories ahead of whoever needs them: :class:`Lister`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from airflow_datamove.errors import NotFound, NotSupported
from airflow_datamove.stores.contract import Entry

_THREADS = 12
_AHEAD = 24
_BEAT = 0.25


class Lister:
    """Gives directories' entries, and lists those that will be asked for next in the background, because a listing is
    a round trip to a server.

    :param list_one: lists one directory.
    :param ahead: False for a store without round trips: then each listing is passed through as it comes, and no more
        of it is held than the store does.
    :param stop: raises Cancelled once that was asked for; called four times a second while a server is waited for,
        because a large directory is many round trips.
    """

    def __init__(
        self, list_one: Callable[[str], Iterator[Entry]], *, ahead: bool, stop: Callable[[], None] = lambda: None
    ) -> None:
        self._list_one, self._stop = list_one, stop
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="datamove-list") if ahead else None
        self._begun: dict[str, Future[list[Entry]]] = {}

    def expect(self, directory: str) -> None:
        """Begins to list a directory, if not too many are begun already."""
        if self._pool is not None and len(self._begun) < _AHEAD and directory not in self._begun:
            self._begun[directory] = self._pool.submit(self._listed, directory)

    def entries(self, directory: str) -> Iterator[Entry]:
        """The entries, in the store's order; raises what listing raised."""
        if self._pool is None:
            return self._list_one(directory)
        future = self._begun.pop(directory, None) or self._pool.submit(self._listed, directory)
        while not wait([future], _BEAT).done:
            self._stop()
        return iter(future.result())

    def present(self, directory: str) -> Iterator[Entry]:
        """The entries of a directory that may not be there: none then."""
        try:
            yield from self.entries(directory)
        except (NotFound, NotSupported):
            return

    def close(self, *, wait: bool = False) -> None:
        """Ends the threads.

        :param wait: until those that list have done so: for a store that is closed next.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)

    def _listed(self, directory: str) -> list[Entry]:
        return list(self._list_one(directory))
