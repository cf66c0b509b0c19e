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
    """Pairs of one length whose listings do not tell enough: no checksum, where both stores tell one if asked for it
    (HDFS), or the time of writing alone (S3), by which every copy that kept the time looks old. Asking costs less than
    copying again.
    """

    def __init__(self, source: Store, destination: Store, overwrite: Overwrite) -> None:
        self._ends = (source, destination)
        asked = all(store.capabilities.checksum_asked for store in self._ends)
        self._wanted = overwrite is Overwrite.IF_CHANGED
        self.possible = asked and self._wanted
        """Even what looks the same is one."""
        self._pairs: list[tuple[FileCopy, Entry]] = []

    def is_one(self, entry: Entry, old: Entry) -> bool:
        """True if a pair is one."""
        if not self._wanted or not entry.size == old.size > 0 or entry.checksums.keys() & old.checksums.keys():
            return False
        untold = self._ends[0].capabilities.metadata and entry.metadata is None
        return self.possible or (untold and not stays(entry, old, Overwrite.IF_CHANGED))

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
            if not self.possible:
                return stays(self._ends[0].stat(pair[0].source.path), pair[1], Overwrite.IF_CHANGED)
            entry, old = (
                each._replace(checksums={**each.checksums, **store.checksums(each)})
                for store, each in zip(self._ends, (pair[0].source, pair[1]), strict=True)
            )
        except NotFound:  # one of them has just gone: the copy will tell
            return False
        return stays(entry, old, Overwrite.IF_CHANGED)
