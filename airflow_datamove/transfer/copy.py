"""A whole copy by this process: list, plan, copy on threads, verify, mirror, report. See :func:`copy`."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from airflow_datamove.address import Address
from airflow_datamove.errors import Cancelled, CopyFailed, DatamoveError, Refused, SourceChanged
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy_file import FileCopier, described
from airflow_datamove.transfer.listing import Listing, list_source
from airflow_datamove.transfer.options import CopyOptions, Route
from airflow_datamove.transfer.plan import CopyPlan, FileCopy, plan_copy
from airflow_datamove.transfer.progress import Meter, Progress
from airflow_datamove.transfer.route import can_copy_within
from airflow_datamove.transfer.throttle import Throttle
from airflow_datamove.transfer.workers import work_through

_KEPT_FAILURES = 100
T = TypeVar("T")


def copy(
    source: Address,
    destination: Address,
    connections: Connections,
    options: CopyOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    reason: str = "",
    route: Route = Route.WORKER,
    listing: Listing | None = None,
    throttle: Throttle | None = None,
) -> TransferReport:
    """Copies a file, a directory or what a glob matches.

    A failed file does not stop the others. Nothing is seen under its final name before it is whole and verified.

    :param progress: called on this thread about four times a second, and once at the end.
    :param cancelled: once it is set, the copy stops within two seconds and leaves no unfinished file.
    :param reason: why this route was taken, for the report.
    :param route: ``WORKER``, or ``SERVER_SIDE`` to let the store copy by itself.
    :param listing: what the source holds, if it has been listed just now.
    :param throttle: the rate to keep to, if someone wants to change it on the way; by default ``options.rate``.
    :raises PathConflict: before any byte moves.
    :raises Refused: for a mirror that would delete too much, and for ``SERVER_SIDE`` where the store cannot.
    :raises CopyFailed: if some files failed; ``error.report`` tells of the rest.
    :raises Cancelled: if that was asked for; ``error.report`` tells what was done.
    :raises StoreError: if the source cannot be listed, or the destination cannot be looked at.
    """
    options = options or CopyOptions()
    cancelled = cancelled or threading.Event()
    started = time.monotonic()
    report = TransferReport(str(source), str(destination), route=str(route), reason=reason)
    with ExitStack() as stack:
        source_store = stack.enter_context(open_store(source, connections))
        destination_store = stack.enter_context(open_store(destination, connections))
        if route is Route.SERVER_SIDE and not can_copy_within(source, source_store, destination):
            raise Refused(f"{source} and {destination} are not in one store that can copy by itself")
        listing = list_source(source_store, source) if listing is None else listing
        plan = plan_copy(listing, source, source_store, destination, destination_store, options)
        plan.refuse_conflicts()
        report.skipped, report.directories, report.special = len(plan.skips), listing.directories, listing.special
        within = route is Route.SERVER_SIDE
        meter = Meter(len(plan.copies), sum(item.source.size for item in plan.copies))
        copier = FileCopier(
            source_store,
            destination_store,
            throttle or Throttle(options.rate),
            meter,
            cancelled,
            readers=max(1, min(options.threads, len(plan.copies))),
            within=within,
        )
        run = _Run(plan, copier, report, options.threads, progress)
        try:
            run.carry_out()
        finally:
            report.seconds = time.monotonic() - started
    return report


class _Run:
    """One plan being carried out."""

    def __init__(
        self,
        plan: CopyPlan,
        copier: FileCopier,
        report: TransferReport,
        threads: int,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._plan, self._copier, self._report = plan, copier, report
        self._threads, self._progress = threads, progress
        self._lock = threading.Lock()
        self._failures: list[tuple[str, Exception]] = []
        self._verified: Counter[str] = Counter()

    def carry_out(self) -> None:
        store = self._copier.destination_store
        for path in self._plan.directories:
            self._stop_if_cancelled()
            store.make_directory(path)
        if self._plan.copies:
            self._through(self._plan.copies, self._copy)
        self._tell()
        self._report.verified_by = ", ".join(sorted(self._verified))
        self._stop_if_cancelled()
        self._stop_if_failed()
        self._delete(store)

    def _copy(self, item: FileCopy) -> None:
        try:
            entry, verified_by = self._copier.copy(item)
        except Cancelled:
            return
        except Exception as error:
            with self._lock:
                self._report.failed += 1
                if len(self._failures) < _KEPT_FAILURES:
                    self._failures.append((item.relative, error))
            return
        self._copier.meter.finished()
        with self._lock:
            self._report.files += 1
            self._report.bytes += entry.size
            self._verified[verified_by] += 1

    def _delete(self, store: Store) -> None:
        """Files on all threads, then directories one after the other: each must be empty by then."""
        files = [entry for entry in self._plan.deletes if entry.kind != "directory"]

        def remove(path: str) -> None:
            try:
                store.delete(path)
            except DatamoveError as error:
                with self._lock:
                    self._report.failed += 1
                    self._failures.append((path, error))
            else:
                with self._lock:
                    self._report.deleted += 1

        if files:
            self._through([entry.path for entry in files], remove)
        for entry in self._plan.deletes:
            if entry.kind == "directory":
                self._stop_if_cancelled()
                remove(entry.path)
        self._stop_if_cancelled()
        self._stop_if_failed()

    def _through(self, items: list[T], work: Callable[[T], None]) -> None:
        threads = min(self._threads, len(items))
        work_through(items, work, threads=threads, cancelled=self._copier.cancelled, beat=self._tell)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._copier.meter.read())

    def _stop_if_cancelled(self) -> None:
        if self._copier.cancelled.is_set():
            done, all_ = self._report.files, len(self._plan.copies)
            raise Cancelled(f"cancelled after {done} of {all_} files", report=self._report)

    def _stop_if_failed(self) -> None:
        if not self._failures:
            return
        self._report.failures = [{"path": path, **described(error)} for path, error in self._failures]
        path, first = self._failures[0]
        changed = any(isinstance(error, SourceChanged) for _, error in self._failures)
        raise CopyFailed(
            f"{self._report.failed} of {len(self._plan.copies)} files failed; the first, {path}: {first}",
            self._failures,
            remedy="Copy again when nothing writes to the source" if changed else "",
            report=self._report,
        )
