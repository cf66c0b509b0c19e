"""Comparing a destination with its source, after someone else has copied it: :func:`verify_destination`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

from airflow_datamove.address import Address
from airflow_datamove.stores.contract import Entry, Store
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.source_view import view_source

_REASONS_KEPT = 1000


class Verification:
    """What :func:`verify_destination` found."""

    def __init__(self, plan: CopyPlan, reasons: dict[str, str]) -> None:
        self.plan = plan
        """What the source holds, what of it is missing or different, and what a mirror would delete now."""
        self._reasons = reasons

    @property
    def count(self) -> int:
        """How many things are missing or differ."""
        return self.plan.conflict_count + len(self.plan.copies) + len(self.plan.new_directories)

    def problems(self, limit: int = 100) -> list[str]:
        """What is missing or differs from its source, as sentences; at most so many, and a last one that says how many
        more there are."""
        shown = [sentence for _, sentence in islice(self.found(), limit)]
        return shown if self.count <= limit else [*shown, f"and {self.count - limit} more"]

    def found(self) -> Iterator[tuple[str, str]]:
        """The path of each thing that is missing or differs, relative where it is known, and a sentence."""
        conflicts = ((sentence, sentence) for sentence in self.plan.conflicts)
        files = ((item.relative, self._sentence(item.destination)) for item in self.plan.copies)
        directories = ((path, f"directory {path} is missing") for path in self.plan.new_directories)
        return chain(conflicts, files, directories)

    def _sentence(self, path: str) -> str:
        return f"{path} {self._reasons.get(path, 'is missing')}"


def verify_destination(
    source: Address,
    source_store: Store,
    destination: Address,
    destination_store: Store,
    options: CopyOptions,
    *,
    manifest: Iterator[str] | None = None,
    since: float = 0.0,
    sound: Callable[[str, Entry, Entry], None] | None = None,
) -> Verification:
    """Makes sure that everything is there, has its source's length, and its checksum where both listings tell one. What
    the destination holds besides is a matter of ``options.mirror`` alone.

    With ``overwrite: never`` what was there before may hold anything: then only presence counts.

    :param manifest: the lines of ``options.manifest``.
    :param since: seconds that have passed since the copy was planned: ages are counted from then.
    :param sound: is told of each file that is as it should be: its relative path, its source, and what is there.
    :raises Refused: if a mirror would delete too much.
    :raises StoreError: if an end cannot be listed.
    """
    reasons: dict[str, str] = {}
    current = ""

    def seen(relative: str, entry: Entry) -> None:
        nonlocal current
        current = relative

    def same(entry: Entry, old: Entry) -> bool:
        reason = "" if options.overwrite is Overwrite.NEVER else _difference(entry, old)
        if reason and len(reasons) < _REASONS_KEPT:
            reasons[old.path] = reason
        elif not reason and sound is not None:
            sound(current, entry, old)
        return not reason

    plan = compare(
        view_source(source_store, source, manifest),
        source,
        source_store,
        destination,
        destination_store,
        replace(options, receipt=None, filters=_as_of(options.filters, since)),
        seen=seen if sound is not None else None,
        same=same,
    )
    return Verification(plan, reasons)


def _difference(entry: Entry, old: Entry) -> str:
    if entry.size != old.size:
        return f"has {old.size} bytes, its source {entry.size}"
    for algorithm, value in entry.checksums.items():
        if old.checksums.get(algorithm, value) != value:
            return f"has another {algorithm} than its source"
    return ""


def _as_of(filters: Filters, since: float) -> Filters:
    """Filters as they were so many seconds ago."""
    least, most = filters.min_age, filters.max_age
    return replace(
        filters,
        min_age=None if least is None else least + since,
        max_age=None if most is None else most + since,
    )
