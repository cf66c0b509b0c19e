"""What all pieces of a copy share, and how bytes get from the source into memory: :class:`Passage`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from awscrt.checksums import crc32c

from airflow_datamove.errors import Cancelled, SourceChanged, Throttled
from airflow_datamove.stores.contract import Attributes, Entry, Reader, Store
from airflow_datamove.transfer.buffers import Buffers
from airflow_datamove.transfer.crew import Gate
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.progress import Meter
from airflow_datamove.transfer.throttle import Throttle

T = TypeVar("T")

TRIES = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
STEP = 2**18
"""Bytes that pass at a time where a rate is kept to: small enough to keep it even, and to feel a cancel soon."""
_UNPACED_STEP = 2**20
_LARGEST_PIECE = 2**22


@dataclass(frozen=True)
class Passage:
    """The two ends of a copy, and what lies between. Safe to use from several threads."""

    source_name: str
    """The source's store as an address: part of what an upload is called."""
    source: Store
    destination_name: str
    destination: Store
    options: CopyOptions
    throttle: Throttle
    meter: Meter
    gate: Gate
    cancelled: threading.Event
    within: bool = False
    """The destination's service copies by itself; the bytes do not pass through here."""
    few: bool = False
    """There are fewer files than threads, so that the parts of one must keep them busy."""
    buffers: Buffers = field(default_factory=Buffers)

    @property
    def paces_reads(self) -> bool:
        """Whether the rate is kept where bytes come in: at the end that lies beyond the shared link. Keeping it at both
        ends would halve it, because who waits at one is missing at the other."""
        if not self.destination.capabilities.remote:
            return True
        return self.source.capabilities.cloud and not self.destination.capabilities.cloud

    @property
    def fetches(self) -> bool:
        """Whether bytes come in by :func:`fetch`."""
        source = self.source.capabilities
        return self.paces_reads and self.throttle.rate is not None and source.remote and source.stretch == 0

    @property
    def piece(self) -> int:
        """Bytes that are asked for at a time by :func:`fetch`: by all threads together what passes in half a second,
        because that is what comes at once when a link that has stalled goes on."""
        rate = self.throttle.rate
        if rate is None:
            return _LARGEST_PIECE
        return max(STEP, min(_LARGEST_PIECE, rate // (2 * self.gate.limit)))

    @property
    def keeps_metadata(self) -> bool:
        """Whether both ends can hold a content type and the users' metadata."""
        return self.source.capabilities.metadata and self.destination.capabilities.metadata

    def attributes(self, entry: Entry) -> Attributes:
        """What a file gets besides its content."""
        if not self.keeps_metadata:
            return Attributes(entry.modified)
        return Attributes(entry.modified, entry.content_type, entry.metadata or {})

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled if the copy is to end."""
        if self.cancelled.is_set():
            raise Cancelled("the copy was cancelled")

    def trying(self, work: Callable[[int], T], *, final: tuple[type[Exception], ...] = (SourceChanged,)) -> T:
        """What ``work(attempt)`` gives, which is asked again, after a pause that grows, if what it raised may go away.

        :param final: what does not go away by that.
        :raises Cancelled: if that was asked for.
        """
        for attempt in range(1, TRIES + 1):
            self.stop_if_cancelled()
            try:
                found = work(attempt)
            except Exception as error:
                self.stop_if_cancelled()
                if isinstance(error, Throttled):
                    self.gate.throttled()
                if attempt == TRIES or isinstance(error, final) or not getattr(error, "retryable", False):
                    raise
                self.cancelled.wait(_pause(attempt, error))
                continue
            self.gate.went_well()
            return found
        raise AssertionError("unreachable")


class Passing:
    """Bytes that pass in one try: held to the rate, counted, and taken back if the try fails."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._passed = 0

    def __call__(self, count: int) -> None:
        """See :data:`airflow_datamove.stores.contract.Pace`. Raises Cancelled."""
        passage = self._passage
        if not passage.throttle.take(count, passage.cancelled):
            raise Cancelled("the copy was cancelled")
        self._passed += count
        passage.meter.passed(count)

    @property
    def even(self) -> bool:
        """Whether a rate is kept, so that nothing may pile up on the way."""
        return self._passage.throttle.rate is not None

    def undo(self) -> None:
        """The try has failed."""
        self._passage.meter.passed(-self._passed)
        self._passed = 0


def fetch(passage: Passage, entry: Entry, offset: int, buffer: memoryview, passing: Passing) -> None:
    """Fills a buffer from a file beyond the link whose rate is kept: in ranges, each of which is asked for once it may
    pass. Of a longer stream the system would take in whatever comes, many MiB for each connection.

    :raises SourceChanged: if the file is shorter, or no longer of the entry's version.
    """
    at, size = 0, len(buffer)
    while at < size:
        wanted = min(passage.piece, size - at)
        passing(wanted)
        # What has no version is read on to its end, to see whether that is where it should be.
        length = wanted if entry.version or offset + at + wanted < entry.size else None
        with passage.source.open(entry.path, offset=offset + at, length=length, version=entry.version) as reader:
            if fill(reader, buffer[at : at + wanted], passage, None) != wanted:
                raise SourceChanged(f"{entry.path} is shorter than the {entry.size} bytes that were listed")
            expect_end(reader, entry)
        at += wanted


def fill(reader: Reader, buffer: memoryview, passage: Passage, passing: Passing | None) -> int:
    """Reads until a buffer is full, or up to the end.

    :param passing: holds the reading to the rate; ``None`` where the writing is held to it.
    :return: how many bytes came.
    """
    at, size = 0, len(buffer)
    step = STEP if passing is not None and passage.throttle.rate is not None else _UNPACED_STEP
    while at < size:
        wanted = min(step, size - at)
        if passing is not None:
            passing(wanted)
        else:
            passage.stop_if_cancelled()
        end = at + wanted
        while at < end:
            count = reader.readinto(buffer[at:end]) or 0
            if count == 0:
                return at
            at += count
    return at


def expect_end(reader: Reader, entry: Entry) -> None:
    """Makes sure that a source is over where it should be, which is also when a store notices that it has changed.

    :raises SourceChanged: if there is more.
    """
    if reader.readinto(memoryview(bytearray(1))):
        raise SourceChanged(f"{entry.path}: there is more than the {entry.size} bytes that were listed")


def checksum_of(data: memoryview) -> str:
    """The crc32c of some bytes, as 8 hex digits."""
    return f"{crc32c(data):08x}"


def _pause(attempt: int, error: Exception) -> float:
    """Seconds; jittered, so that those who failed together do not come back together."""
    if isinstance(error, Throttled) and error.retry_after is not None:
        return float(min(error.retry_after, 10 * _LONGEST_PAUSE) * random.uniform(1.0, 1.2))
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))
