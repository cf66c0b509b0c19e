"""Comparing a destination with its source, after someone else has copied it: :func:`verify_destination`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Entry, Store
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.source_view import view_source


class Verification:
    """What :func:`verify_destination` found."""

    def __init__(self, plan: CopyPlan, lengths: dict[str, int]) -> None:
        self.plan = plan
        """What the source holds, and what a mirror would delete now."""
        self._lengths = lengths

    def problems(self, limit: int = 100) -> list[str]:
        """What is missing or has another length than its source, as sentences; at most so many, and a last one that
        says how many more there are."""
        plan = self.plan
        count = plan.conflict_count + len(plan.copies) + len(plan.new_directories)
        shown = [*plan.conflicts[:limit], *islice(self._sentences(), max(0, limit - len(plan.conflicts)))]
        return shown if count <= limit else [*shown, f"and {count - limit} more"]

    def _sentences(self) -> Iterator[str]:
        for item in self.plan.copies:
            path, size = item.destination, item.source.size
            found = self._lengths.get(path)
            yield f"{path} is missing" if found is None else f"{path} has {found} bytes, its source {size}"
        for path in self.plan.new_directories:
            yield f"directory {path} is missing"


def verify_destination(
    source: Address, source_store: Store, destination: Address, destination_store: Store, options: CopyOptions
) -> Verification:
    """Makes sure that everything is there and has its source's length. What the destination holds besides is a matter
    of ``options.mirror`` alone.

    With ``overwrite: never`` what was there before may have any length: then only presence counts.

    :raises Refused: if a mirror would delete too much.
    :raises StoreError: if an end cannot be listed.
    """
    lengths: dict[str, int] = {}

    def same(entry: Entry, old: Entry) -> bool:
        if entry.size != old.size and options.overwrite is not Overwrite.NEVER:
            if len(lengths) < 1000:
                lengths[old.path] = old.size
            return False
        return True

    view = view_source(source_store, source)
    plan = compare(
        view, source, source_store, destination, destination_store, replace(options, receipt=None), same=same
    )
    return Verification(plan, lengths)
