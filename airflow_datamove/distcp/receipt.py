"""The rows that a DistCp job leaves in a receipt: :class:`Rows`.

No job tells of its files one by one, so they follow from what the verification finds.
"""

from __future__ import annotations

from airflow_datamove.stores.contract import Entry
from airflow_datamove.transfer.receipt import Line, Receipt
from airflow_datamove.transfer.verify import Verification

_ROUTE = "distcp"


class Rows:
    """Adds the rows of one job; does nothing where no receipt is wanted.

    :param started: seconds since the epoch. A file that was written to the destination since then counts as copied, an
        older one as skipped.
    """

    def __init__(self, receipt: Receipt | None, started: float, verified_by: str) -> None:
        self._receipt, self._started, self._verified_by = receipt, started, verified_by

    def sound(self, relative: str, source: Entry, there: Entry) -> None:
        """A file that is as it should be."""
        copied = there.modified is not None and there.modified >= self._started
        checksum = next((f"{name}:{value}" for name, value in source.checksums.items()), "")
        verified_by, attempts = (self._verified_by, 1) if copied else ("", 0)
        outcome = "copied" if copied else "skipped"
        self._add(Line(relative, source.size, checksum, verified_by, _ROUTE, 0.0, attempts, outcome))

    def deleted(self, path: str) -> None:
        """Something that a mirror has deleted."""
        self._add(Line(path, 0, "", "", _ROUTE, 0.0, 1, "deleted"))

    def failed(self, found: Verification) -> None:
        """All that is missing or differs."""
        if self._receipt is None:
            return
        for path, error in found.plan.missing:
            self._add(Line(path, 0, "", "", _ROUTE, 0.0, 1, "failed", str(error)))
        for path, sentence in found.found():
            self._add(Line(path, 0, "", "", _ROUTE, 0.0, 1, "failed", sentence))

    def _add(self, line: Line) -> None:
        if self._receipt is not None:
            self._receipt.add(line)
