"""The life of one file's copy, from the first look to its publication, as pieces of work for a crew of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from airflow_datamove.errors import Cancelled, DatamoveError, SourceChanged, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Entry
from airflow_datamove.transfer.options import Publish
from airflow_datamove.transfer.parted_file import PartedFile, cut, published
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.plan import FileCopy
from airflow_datamove.transfer.whole_file import Copied, copy_whole, source_again

Work = Callable[[], "Iterable[Work] | None"]
_WORTH_ASKING = 2**20
"""Bytes of a file for which one more request costs little."""
_CHANGES = 3
"""So many times a source may change under the copy before that is a failure."""


class Outcome(Protocol):
    """Who is told what came of a file."""

    def started(self, work: FileWork, item: FileCopy) -> None:
        """The file is being copied."""

    def copied(self, work: FileWork, item: FileCopy, result: Copied, attempts: int, seconds: float) -> None:
        """It is published, or staged where files are published together."""

    def failed(self, work: FileWork, item: FileCopy, error: Exception, attempts: int, seconds: float) -> None:
        """It is not, for good."""


def ready(passage: Passage, entry: Entry) -> Entry:
    """A source's entry with all that its copy needs, which is asked for where the listing did not tell it.

    :raises NotFound: if it is gone.
    """
    lacks_checksum = (
        passage.source.capabilities.checksum is not None and not entry.checksums and entry.size > _WORTH_ASKING
    )
    if lacks_checksum or (passage.keeps_metadata and entry.metadata is None):
        return source_again(passage, entry)
    return entry


class FileWork:
    """One file being copied."""

    def __init__(self, passage: Passage, item: FileCopy, outcome: Outcome) -> None:
        self._passage, self._item, self._outcome = passage, item, outcome
        self._began = 0.0
        self._attempts = 0
        self._changes = 0
        self._afresh = False
        self._publishing = False
        self._parted: PartedFile | None = None
        self._left = 0
        self._error: BaseException | None = None
        self._lock = threading.Lock()

    def begin(self) -> Iterable[Work] | None:
        """Copies the file, or gives the pieces of work that do."""
        self._began = self._began or time.monotonic()
        self._outcome.started(self, self._item)
        return self._guarded(self._begin)

    def abandon(self) -> None:
        """The copy was cancelled; whatever has not been begun of this file never will be."""
        with suppress(DatamoveError):  # the stores have been interrupted, and may not even answer
            self._let_go(Cancelled("the copy was cancelled"))

    def _begin(self) -> Iterable[Work] | None:
        passage = self._passage
        self._attempts += 1
        entry = self._item.source
        entry = passage.trying(lambda _: ready(passage, entry))
        self._item = self._item._replace(source=entry)
        part_size = cut(passage, entry)
        if part_size is None and passage.options.publish is Publish.TOGETHER:
            self._finish(Copied(entry.size, "", ""))  # of no bytes: there is nothing to stage
            return None
        if part_size is None:
            self._finish(passage.trying(self._whole))
            return None
        self._parted = parted = passage.trying(
            lambda _: PartedFile(passage, entry, self._item.destination, part_size, afresh=self._afresh)
        )
        spans = parted.spans()
        self._left = len(spans)
        if not spans:
            self._publish()
            return None
        return [self._span(span) for span in spans]

    def _whole(self, attempt: int) -> Copied:
        self._attempts += attempt > 1
        return copy_whole(self._passage, self._item.source, self._item.destination)

    def _span(self, span: list[int]) -> Work:
        def work() -> Iterable[Work] | None:
            parted = self._parted
            assert parted is not None
            try:
                if self._error is None:
                    self._passage.trying(lambda attempt: parted.move(span, lambda: self._error is None))
            except BaseException as error:
                with self._lock:
                    self._error = self._error or error
            with self._lock:
                self._left -= 1
                last = self._left == 0
            return self._guarded(self._end) if last else None

        return work

    def _end(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        self._publish()

    def _publish(self) -> None:
        parted = self._parted
        assert parted is not None
        if self._passage.options.publish is Publish.TOGETHER:
            result = Copied(parted.entry.size, parted.check()[0] or "", "", parted.resumed)
        else:
            self._publishing = True
            result = published(self._passage, parted, self._item.destination)
        parted.close()
        self._parted = None
        self._finish(result)

    def _finish(self, result: Copied) -> None:
        self._outcome.copied(self, self._item, result, self._attempts, time.monotonic() - self._began)

    def _guarded(self, step: Callable[[], Iterable[Work] | None]) -> Iterable[Work] | None:
        """Does a step; turns what it raises into the file's failure, or into another beginning."""
        try:
            return step()
        except Cancelled as error:
            self._let_go(error)
        except Exception as error:
            self._let_go(error)
            # Parts that somebody else has taken away are only missed when they are to be published.
            lost = isinstance(error, StoreUnavailable) and self._publishing and self._changes == 0
            self._publishing = False
            if lost or (isinstance(error, (SourceChanged, VerificationFailed)) and self._changes < _CHANGES):
                self._changes += 1
                self._afresh = isinstance(error, VerificationFailed)
                return [self._again]
            self._outcome.failed(self, self._item, error, self._attempts, time.monotonic() - self._began)
        return None

    def _again(self) -> Iterable[Work] | None:
        def step() -> Iterable[Work] | None:
            passage = self._passage
            passage.cancelled.wait(0.2 * self._changes)
            now = passage.trying(lambda _: source_again(passage, self._item.source))
            self._item = self._item._replace(source=now)
            return self._begin()

        return self._guarded(step)

    def _let_go(self, error: BaseException) -> None:
        parted, self._parted = self._parted, None
        if parted is not None:
            with suppress(DatamoveError):  # the store that has failed may not let it be cleared away either
                parted.give_up(error)
            parted.close()
