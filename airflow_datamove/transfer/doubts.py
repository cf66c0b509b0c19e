"""Files that may be the same, for which the stores must be asked one by one: :class:`Doubts`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from airflow_datamove.errors import NotFound
from airflow_datamove.stores.contract import Entry, Store
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.plan import FileCopy, stays

_AT_A_TIME = 512
_THREADS = 16


class Doubts:
    """Pairs of one length whose listings tell no checksum, where both stores tell one if asked for it (HDFS)."""

    def __init__(self, source: Store, destination: Store, overwrite: Overwrite) -> None:
        self._ends = (source, destination)
        asked = all(store.capabilities.checksum_asked for store in self._ends)
        self.possible = asked and overwrite is Overwrite.IF_CHANGED
        self._pairs: list[tuple[FileCopy, Entry]] = []

    def is_one(self, entry: Entry, old: Entry) -> bool:
        """True if a pair is one."""
        return self.possible and entry.size == old.size > 0 and not entry.checksums.keys() & old.checksums.keys()

    def add(self, item: FileCopy, old: Entry) -> bool:
        """Keeps a pair; true if it is time to settle."""
        self._pairs.append((item, old))
        return len(self._pairs) >= _AT_A_TIME

    def settle(self) -> Iterator[tuple[FileCopy, bool]]:
        """Asks for all that have been kept: each with whether it is the same."""
        pairs, self._pairs = self._pairs, []
        if not pairs:
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="datamove-checksum") as pool:
            yield from zip((item for item, _ in pairs), pool.map(self._same, pairs), strict=True)

    def _same(self, pair: tuple[FileCopy, Entry]) -> bool:
        try:
            entry, old = (
                each._replace(checksums={**each.checksums, **store.checksums(each)})
                for store, each in zip(self._ends, (pair[0].source, pair[1]), strict=True)
            )
        except NotFound:  # one of them has just gone: the copy will tell
            return False
        return stays(entry, old, Overwrite.IF_CHANGED)
