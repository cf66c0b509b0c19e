"""One plan being carried out: :class:`CopyRun`."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TypeVar

from airflow_datamove.address import Address
from airflow_datamove.errors import Cancelled, CopyFailed, DatamoveError, SourceChanged, StoreError
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.contract import Store
from airflow_datamove.transfer.children import Children
from airflow_datamove.transfer.climb import Climb
from airflow_datamove.transfer.crew import Gate, work_through
from airflow_datamove.transfer.file_copy import FileWork, Work
from airflow_datamove.transfer.options import CopyOptions, OnError, Publish
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.plan import CopyPlan, FileCopy
from airflow_datamove.transfer.progress import Meter, Progress
from airflow_datamove.transfer.receipt import Line, Receipt
from airflow_datamove.transfer.spool import Spool
from airflow_datamove.transfer.throttle import Throttle
from airflow_datamove.transfer.together import StagedFile, publish_staged
from airflow_datamove.transfer.whole_file import Copied

T = TypeVar("T")

_KEPT_FAILURES = 100
_TELL_EVERY = 1.0


class CopyRun:
    """Copies what a plan says, and writes into the report what came of it. Used once."""

    def __init__(
        self,
        plan: CopyPlan,
        source: Address,
        source_store: Store,
        destination: Address,
        destination_store: Store,
        options: CopyOptions,
        report: TransferReport,
        receipt: Receipt | None,
        throttle: Throttle,
        cancelled: threading.Event,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._plan, self._options, self._report, self._receipt = plan, options, report, receipt
        self._source, self._destination = source, destination
        self._source_store, self._store = source_store, destination_store
        self._throttle, self._cancelled, self._progress = throttle, cancelled, progress
        self._gate = Gate(options.threads, climb=Climb(options.threads))
        self._meter = Meter(len(plan.copies), plan.copy_bytes)
        self._lock = threading.Lock()
        self._failures: list[tuple[str, Exception]] = []
        self._verified: Counter[str] = Counter()
        self._stopped = False
        self._begun = 0
        self._publishing = False
        self._live: set[FileWork] = set()
        self._children: Children | None = None
        self._staged: Spool[StagedFile] = Spool()
        self._told = time.monotonic()

    def carry_out(self, *, within: bool) -> None:
        """Does all of it.

        :param within: the destination's service copies by itself.
        :raises CopyFailed: and the others of :func:`airflow_datamove.transfer.copy.copy`.
        """
        plan, report = self._plan, self._report
        plan.refuse_conflicts()
        report.skipped, report.directories = plan.skipped, plan.directories
        report.special, report.filtered = plan.special, plan.filtered
        self._note_skipped()
        passage = self._passage(within)
        try:
            if self._options.create:
                self._store.create_root()
            if self._options.publish is not Publish.TOGETHER:
                self._make_directories()
            for path, error in plan.missing:
                self._note_failure(path, 0, error, 1, 0.0)
            with Children(passage, len(plan.copies)) as self._children:
                self._through(self._works(passage, self._children), _call)
            report.verified_by = ", ".join(sorted(self._verified))
            self._tell(force=True)
            self._stop_if_cancelled()
            self._stop_if_failed()
            if self._options.publish is Publish.TOGETHER:
                self._publish_together(passage)
            if report.failed == 0:
                self._delete()
        finally:
            for work in list(self._live):
                work.abandon()
            self._note_unfinished()
            self._staged.close()
            self._describe_failures()
            self._write_receipt()

    def _make_directories(self) -> None:
        for path in self._plan.new_directories:
            self._stop_if_cancelled()
            self._store.make_directory(path)

    def _write_receipt(self) -> None:
        """Writes the receipt, also of a copy that failed; what keeps it from being written must not hide why."""
        if self._receipt is None or self._cancelled.is_set():
            return
        failed = sys.exc_info()[0] is not None
        try:
            self._receipt.write()
        except DatamoveError as error:
            if not failed:
                raise
            self._report.details["receipt"] = f"not written: {error}"

    def started(self, work: FileWork, item: FileCopy) -> None:
        """See :class:`~airflow_datamove.transfer.file_copy.Outcome`."""
        self._live.add(work)
        self._meter.started(item.relative)

    def copied(self, work: FileWork, item: FileCopy, result: Copied, attempts: int, seconds: float) -> None:
        """See :class:`~airflow_datamove.transfer.file_copy.Outcome`."""
        self._live.discard(work)
        self._meter.finished(item.relative)
        with self._lock:
            self._report.resumed += result.resumed
        if self._options.publish is Publish.TOGETHER:
            self._staged.append(StagedFile(item, result, attempts, seconds))
        else:
            self._note_copied(item, result, attempts, seconds)

    def failed(self, work: FileWork, item: FileCopy, error: Exception, attempts: int, seconds: float) -> None:
        """See :class:`~airflow_datamove.transfer.file_copy.Outcome`."""
        self._live.discard(work)
        self._meter.finished(item.relative, done=False)
        self._note_failure(item.relative, item.source.size, error, attempts, seconds)

    def _passage(self, within: bool) -> Passage:
        return Passage(
            source_name=str(self._source.with_path("/")),
            source=self._source_store,
            destination_name=str(self._destination.with_path("")),
            destination=self._store,
            options=self._options,
            throttle=self._throttle,
            meter=self._meter,
            gate=self._gate,
            cancelled=self._cancelled,
            within=within,
            few=len(self._plan.copies) < self._options.threads,
        )

    def _works(self, passage: Passage, children: Children) -> Iterator[Work]:
        small: list[FileCopy] = []
        for item in self._not_stopped():
            if not children.take(item):
                yield FileWork(passage, item, self).begin
                continue
            small.append(item)
            if children.enough(small):
                yield partial(self._by_child, passage, children, small)
                small = []
        if small:
            yield partial(self._by_child, passage, children, small)

    def _by_child(self, passage: Passage, children: Children, batch: list[FileCopy]) -> Iterable[Work]:
        """Has some files copied by another process; gives the work that it has left."""
        self._meter.started(batch[0].relative)
        again: list[Work] = []
        for item, done in zip(batch, children.copy(batch), strict=True):
            if done is None:
                again.append(FileWork(passage, item, self).begin)
                continue
            self._meter.passed(done.copied.size)
            self._meter.finished(item.relative)
            self._note_copied(item, done.copied, 1, done.seconds)
        return again

    def _not_stopped(self) -> Iterator[FileCopy]:
        for item in self._plan.copies:
            if self._stopped:
                return
            self._begun += 1
            yield item

    def _publish_together(self, passage: Passage) -> None:
        top = None if self._plan.root is Root.FILE or not self._options.marker else self._destination.path.rstrip("/")
        marker = None if top is None else f"{top}/{self._options.marker}"
        if len(self._staged) == len(self._plan.new_directories) == 0 and (marker is None or self._store.exists(marker)):
            return
        self._publishing = True
        if marker is not None:
            self._store.delete(marker)
        self._make_directories()

        def work(staged: StagedFile) -> None:
            try:
                result = publish_staged(passage, staged)
            except Cancelled:
                return
            except Exception as error:
                self._note_failure(
                    staged.item.relative, staged.item.source.size, error, staged.attempts, staged.seconds
                )
            else:
                self._note_copied(staged.item, result, staged.attempts, staged.seconds)

        # Markers that the source itself holds, as the directories that Hadoop's jobs write do, come after all else.
        self._through((each for each in self._staged if not self._marks(each)), work)
        self._stop_if_cancelled()
        self._stop_if_failed()
        self._through((each for each in self._staged if self._marks(each) and each.item.destination != marker), work)
        self._report.verified_by = ", ".join(sorted(self._verified))
        self._stop_if_cancelled()
        self._stop_if_failed()
        if marker is not None:
            last = [each for each in self._staged if each.item.destination == marker]
            self._through(last, work)
            self._stop_if_cancelled()
            self._stop_if_failed()
            if not last:
                self._store.put(marker, memoryview(b""))

    def _marks(self, staged: StagedFile) -> bool:
        return staged.item.destination.rpartition("/")[2] == self._options.marker

    def _delete(self) -> None:
        """Files on all threads, then directories one after the other: each must be empty by then."""

        def remove(path: str) -> None:
            try:
                self._store.delete(path)
            except DatamoveError as error:
                self._note_failure(path, 0, error, 1, 0.0)
                return
            with self._lock:
                self._report.deleted += 1
            if self._receipt is not None:
                self._receipt.add(Line(path, 0, "", "", self._report.route, 0.0, 1, "deleted"))

        deletes = self._plan.deletes
        if len(deletes) == 0:
            return
        self._through((each.path for each in deletes if not each.is_directory), remove)
        for each in deletes:
            if each.is_directory:
                self._stop_if_cancelled()
                remove(each.path)
        self._stop_if_cancelled()
        self._stop_if_failed()

    def _through(self, items: Iterable[T], work: Callable[[T], Iterable[T] | None]) -> None:
        work_through(
            items,
            work,
            threads=self._options.threads,
            cancelled=self._cancelled,
            beat=self._beat,
            gate=self._gate,
            interrupt=self._interrupt,
        )

    def _note_copied(self, item: FileCopy, result: Copied, attempts: int, seconds: float) -> None:
        with self._lock:
            self._report.files += 1
            self._report.bytes += result.size
            self._verified[result.verified_by] += 1
        if self._receipt is not None:
            checksum = f"crc32c:{result.crc32c}" if result.crc32c else ""
            route = self._report.route
            self._receipt.add(
                Line(item.relative, result.size, checksum, result.verified_by, route, seconds, attempts, "copied")
            )

    def _note_failure(self, path: str, size: int, error: Exception, attempts: int, seconds: float) -> None:
        with self._lock:
            self._report.failed += 1
            if self._options.on_error is OnError.STOP and self._report.failed > self._options.error_budget:
                self._stopped = True
            if len(self._failures) < _KEPT_FAILURES:
                self._failures.append((path, error))
        if self._receipt is not None:
            text = str(_described(error)["error"])
            self._receipt.add(Line(path, size, "", "", self._report.route, seconds, attempts, "failed", text))

    def _note_skipped(self) -> None:
        if self._receipt is not None:
            for item in self._plan.skips:
                self._note_untouched(item, "skipped")

    def _note_unfinished(self) -> None:
        """The receipt's rows of files that were staged and not published, and of those that were not even begun."""
        if self._receipt is None:
            return
        if not self._publishing:
            for staged in self._staged:
                self._note_untouched(staged.item, "staged")
        for item in islice(self._plan.copies, self._begun, None):
            self._note_untouched(item, "not_begun")

    def _note_untouched(self, item: FileCopy, outcome: str) -> None:
        assert self._receipt is not None
        checksum = next((f"{name}:{value}" for name, value in item.source.checksums.items()), "")
        self._receipt.add(Line(item.relative, item.source.size, checksum, "", self._report.route, 0.0, 0, outcome))

    def _beat(self) -> None:
        if self._children is not None:
            self._children.look()
        self._gate.look(self._meter.work, self._meter.files_done)
        self._tell()

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._progress is not None and (force or now - self._told >= _TELL_EVERY):
            self._told = now
            self._progress(self._meter.read())

    def _interrupt(self) -> None:
        if self._children is not None:
            self._children.interrupt()
        for store in (self._source_store, self._store):
            with suppress(StoreError):
                store.interrupt()

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            done, all_ = self._report.files, len(self._plan.copies)
            raise Cancelled(f"cancelled after {done} of {all_} files", report=self._report)

    def _stop_if_failed(self) -> None:
        if self._report.failed <= self._options.error_budget:
            return
        path, first = self._failures[0]
        changed = any(isinstance(error, SourceChanged) for _, error in self._failures)
        count = max(len(self._plan.copies) + len(self._plan.missing), self._report.failed)
        raise CopyFailed(
            f"{self._report.failed} of {count} files failed; the first, {path}: {first}",
            self._failures,
            remedy="Copy again when nothing writes to the source" if changed else "",
            report=self._report,
        )

    def _describe_failures(self) -> None:
        self._report.failures = [{"path": path, **_described(error)} for path, error in self._failures]


def _call(work: Work) -> Iterable[Work] | None:
    return work()


def _described(error: Exception) -> dict[str, object]:
    """An error as the report keeps it: ``{error, retryable}``."""
    text = str(error) if isinstance(error, DatamoveError) else f"{type(error).__name__}: {error}"
    return {"error": text, "retryable": bool(getattr(error, "retryable", False))}
