"""``mirror``: what the destination has and the source lacks, with a guard: :class:`Extras`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused, StoreError
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.transfer.filters import Selection
from airflow_datamove.transfer.naming import told
from airflow_datamove.transfer.plan import CopyPlan, Removal


class Extras:
    """Gathers into a plan what a mirror deletes.

    :param base: the path that the source's paths get in front of them.
    :param max_delete: the largest share of the destination's files that may go.
    :param stop: raises Cancelled once that was asked for.
    """

    def __init__(
        self,
        plan: CopyPlan,
        destination: Address,
        store: Store,
        base: str,
        selection: Selection,
        max_delete: float,
        stop: Callable[[], None],
    ) -> None:
        self._plan, self._destination, self._store, self._base = plan, destination, store, base
        self._selection, self._max_delete, self._stop = selection, max_delete, stop
        self._files = 0
        self._directories: list[str] = []

    def kept(self, old: Entry) -> None:
        """Something that the source has too."""
        self._files += old.kind is not Kind.DIRECTORY

    def add(self, old: Entry) -> None:
        """Something that the source lacks, with all that is below it."""
        if old.kind is not Kind.DIRECTORY:
            self._add_file(old)
        elif not self._selection.prunes(self._relative(old)):
            self._directories.append(old.path)
            for entry in told(self._destination, self._store.walk(old.path)):
                self._stop()
                if entry.kind is Kind.DIRECTORY:
                    self._directories.append(entry.path)
                else:
                    self._add_file(entry)

    def finish(self) -> None:
        """Adds the directories, the deepest first.

        :raises Refused: if the source holds no file, which is more often a mistake upstream than a wish to delete
            everything, or if too much would go.
        """
        if self._plan.conflict_count:  # it will not be carried out, and what lies behind a conflict was not counted
            return
        if self._plan.files == 0:
            raise Refused(
                "mirror is refused: the source holds no file", remedy="Delete the destination by hand if you mean it"
            )
        count = len(self._plan.deletes)
        if count > self._max_delete * self._files:
            raise Refused(
                f"mirror would delete {count} of the destination's {self._files} files",
                remedy=f"Raise max_delete (now {100 * self._max_delete:g}%) if that is meant",
            )
        # With filters a directory may hold what they protect.
        if not self._selection.active:
            for path in sorted(self._directories, reverse=True):
                self._plan.deletes.append(Removal(path, True))

    def _add_file(self, old: Entry) -> None:
        self._files += 1
        # What the filters leave out of the source they protect at the destination.
        if self._selection.takes(self._relative(old), old):
            self._plan.deletes.append(Removal(old.path, False))

    def _relative(self, old: Entry) -> str:
        return old.path.removeprefix(f"{self._base}/")


def ascending(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Makes sure that a listing is sorted, as every store promises: what a mirror deletes hangs on it.

    :raises StoreError: if it is not.
    """
    last = ""
    for entry in entries:
        name = entry.name
        if name < last:
            raise StoreError("the listing is not sorted, so a mirror could delete what it must not", path=entry.path)
        last = name
        yield entry
