"""The life of one file's copy: read, throttle, write, verify, publish; again if that may help."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from airflow_datamove.errors import Cancelled, NotFound, SourceChanged, StoreError, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Kind, Store
from airflow_datamove.transfer.digest import Digest
from airflow_datamove.transfer.plan import FileCopy
from airflow_datamove.transfer.progress import Meter
from airflow_datamove.transfer.throttle import Throttle

TRIES = 3
_FIRST_PAUSE = 0.5
_CHUNK = 2**20
_THROTTLED_CHUNK = 2**18
"""Smaller chunks keep a throttled stream even, and let a cancel be felt soon."""


@dataclass(frozen=True)
class FileCopier:
    """Copies single files from one store to another; safe to use from several threads."""

    source_store: Store
    destination_store: Store
    throttle: Throttle
    meter: Meter
    cancelled: threading.Event
    readers: int = 1
    """How many of them share the throttle."""
    within: bool = False
    """The store copies by itself; the bytes do not pass through here."""

    def copy(self, item: FileCopy) -> tuple[Entry, str]:
        """Copies one file, up to three times if it fails for a reason that may go away.

        :return: the source as it was copied, and by what the result was verified.
        :raises Cancelled: if that was asked for.
        :raises StoreError: or another error of the last try.
        """
        entry = item.source
        for attempt in range(1, TRIES + 1):
            try:
                return entry, self._once(entry, item.destination)
            except Exception as error:
                final = not getattr(error, "retryable", False) or attempt == TRIES
                if final or self.cancelled.wait(_FIRST_PAUSE * 2 ** (attempt - 1)):
                    self._refuse_if_cancelled()
                    raise
                if isinstance(error, SourceChanged):
                    entry = self._again(entry)
        raise AssertionError("unreachable")

    def _once(self, entry: Entry, destination: str) -> str:
        self._refuse_if_cancelled()
        if self.within:
            made = self.destination_store.copy_within(entry.path, destination)
            if made.size != entry.size:
                raise VerificationFailed(f"{destination}: {made.size} bytes arrived of {entry.size}")
            self.meter.passed(entry.size)
            return self.destination_store.capabilities.checksum or "length"
        passed = 0
        try:
            digest = Digest(entry.checksums)
            chunk = _CHUNK if self.throttle.rate is None else _THROTTLED_CHUNK
            with (
                self.source_store.open(entry.path, version=entry.version) as reader,
                self.destination_store.create(
                    destination, size=entry.size, attributes=Attributes(entry.modified)
                ) as writer,
            ):
                while data := reader.read(chunk):
                    if not self.throttle.take(len(data), self.cancelled):
                        raise Cancelled("the copy was cancelled")
                    writer.write(data)
                    digest.update(data)
                    passed += len(data)
                    self.meter.passed(len(data))
                    if passed > entry.size:
                        break
                    self._refuse_if_cancelled()
                if passed != entry.size:
                    raise SourceChanged(f"{entry.path}: {passed} bytes were read where {entry.size} were listed")
                if not digest.matches():
                    raise VerificationFailed(f"{entry.path}: what was read has another {digest.algorithm}")
                made = writer.commit()
            if made.size != entry.size:
                raise VerificationFailed(f"{destination}: {made.size} bytes arrived of {entry.size}")
        except BaseException:
            self.meter.passed(-passed)
            raise
        return writer.verified_by if writer.verified_by != "length" else digest.algorithm or "length"

    def _ahead(self) -> int:
        return self.throttle.ahead(self.readers)

    def _again(self, entry: Entry) -> Entry:
        """The source as it is now, for another try.

        :raises NotFound: if it is gone, or no longer a file.
        """
        now = self.source_store.stat(entry.path)
        if now.kind is not Kind.FILE:
            raise NotFound("no longer a file", path=entry.path)
        return now

    def _refuse_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled("the copy was cancelled")


def described(error: Exception) -> dict[str, object]:
    """An error as the report keeps it: ``{error, retryable}``."""
    text = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    return {"error": text, "retryable": bool(getattr(error, "retryable", False))}
