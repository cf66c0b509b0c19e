"""Copying a file in one go, from its beginning to its end."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import NamedTuple

from awscrt.checksums import crc32c

from airflow_datamove.errors import Cancelled, NotFound, SourceChanged, VerificationFailed
from airflow_datamove.stores.contract import Attributes, Entry, Store
from airflow_datamove.transfer.digest import Digest
from airflow_datamove.transfer.options import Verify
from airflow_datamove.transfer.passage import STEP, Passage, Passing, checksum_of, expect_end, fetch, fill

LARGEST_IN_MEMORY = 16 * 2**20
"""Bytes; a file that has no parts and is larger is streamed."""
_CHUNK = 2**20


class Copied(NamedTuple):
    """What came of one file."""

    size: int
    crc32c: str
    """8 hex digits; empty where the bytes did not pass through here."""
    verified_by: str
    resumed: int = 0
    """Bytes that an earlier try had left."""
    version: str | None = None
    """What stands at the destination now."""


def copy_whole(passage: Passage, entry: Entry, destination: str) -> Copied:
    """Copies a file that is put in one piece, or streamed where the destination has no parts.

    :raises SourceChanged: VerificationFailed, StoreError: one of those that may go away is worth another try.
    """
    attributes = passage.attributes(entry)
    if passage.within:
        return read_back(passage, entry, destination, _copied_within(passage, entry, destination, attributes))
    passing = Passing(passage)
    try:
        if entry.size <= LARGEST_IN_MEMORY:
            copied = _put(passage, entry, destination, attributes, passing)
        else:
            copied = _stream(passage, entry, destination, attributes, passing)
        return read_back(passage, entry, destination, copied)
    except BaseException:
        passing.undo()
        raise


def _put(passage: Passage, entry: Entry, destination: str, attributes: Attributes, passing: Passing) -> Copied:
    size = entry.size
    with passage.buffers.lend(size) as buffer:
        if passage.fetches and size:
            fetch(passage, entry, 0, buffer, passing)
        else:
            with passage.source.open(entry.path, version=entry.version) as reader:
                count = fill(reader, buffer, passage, passing if passage.paces_reads else None)
                if count != size:
                    raise SourceChanged(f"{entry.path}: {count} bytes were read where {size} were listed")
                expect_end(reader, entry)
        digest = Digest(entry.checksums)
        digest.update(buffer)
        _refuse_mismatch(digest, entry)
        if passage.paces_reads:
            made, verified_by = passage.destination.put(destination, buffer, attributes)
        else:
            made, verified_by = passage.destination.put(destination, buffer, attributes, passing)
        _refuse_length(made, size)
        return Copied(size, checksum_of(buffer), best(verified_by, digest.algorithm), version=made.version)


def _stream(passage: Passage, entry: Entry, destination: str, attributes: Attributes, passing: Passing) -> Copied:
    size, at, crc = entry.size, 0, 0
    digest = Digest(entry.checksums)
    fetches = passage.fetches
    chunk = passage.piece if fetches else _CHUNK if passage.throttle.rate is None else STEP
    with (
        passage.buffers.lend(chunk) as buffer,
        nullcontext() if fetches else passage.source.open(entry.path, version=entry.version) as reader,
        passage.destination.create(destination, size=size, attributes=attributes) as writer,
    ):
        while at < size:
            part = buffer[: min(chunk, size - at)]
            if reader is None:
                fetch(passage, entry, at, part, passing)
            else:
                passing(len(part))
                count = fill(reader, part, passage, None)
                if count != len(part):
                    raise SourceChanged(f"{entry.path}: {at + count} bytes were read where {size} were listed")
            writer.write(part)
            digest.update(part)
            crc = crc32c(part, crc)
            at += len(part)
        if reader is not None:
            expect_end(reader, entry)
        _refuse_mismatch(digest, entry)
        made = writer.commit()
        _refuse_length(made, size)
        return Copied(size, f"{crc:08x}", best(writer.verified_by, digest.algorithm), version=made.version)


def _copied_within(passage: Passage, entry: Entry, destination: str, attributes: Attributes) -> Copied:
    passing = Passing(passage)
    try:
        passing(entry.size)
        made, verified_by = passage.destination.copy_from(passage.source, entry, destination, attributes)
    except BaseException:
        passing.undo()
        raise
    _refuse_length(made, entry.size)
    return Copied(entry.size, entry.checksums.get("crc32c", ""), verified_by, version=made.version)


def read_back(passage: Passage, entry: Entry, destination: str, copied: Copied) -> Copied:
    """Reads what arrived once more, if that is wanted; the source too, if its bytes did not pass through here.

    :raises VerificationFailed: if it is not what was sent.
    """
    if passage.options.verify is not Verify.READ_BACK:
        return copied
    expected = copied.crc32c or _read(passage, passage.source, entry.path, entry.version, entry.size)
    if _read(passage, passage.destination, destination, None, copied.size) != expected:
        _unpublish(passage.destination, destination, copied.version)
        raise VerificationFailed(f"{destination}: what was read back is not what was sent")
    return copied._replace(crc32c=expected, verified_by="crc32c, read back")


def _read(passage: Passage, store: Store, path: str, version: str | None, size: int) -> str:
    """The crc32c of a whole file, read at the copy's rate: in ranges where they cost little, because of one long stream
    the system takes in whatever comes."""
    crc = at = 0
    paced = passage.throttle.rate is not None and store.capabilities.remote
    ranged = paced and store.capabilities.stretch == 0
    step = passage.piece if ranged else STEP if paced else _CHUNK
    with passage.buffers.lend(step) as buffer, ExitStack() as stack:
        reader = None if ranged else stack.enter_context(store.open(path, version=version))
        while at < size:
            part = buffer[: min(step, size - at)]
            if paced and not passage.throttle.take(len(part), passage.cancelled):
                raise Cancelled("the copy was cancelled")
            if reader is not None:
                count = fill(reader, part, passage, None)
            else:
                with store.open(path, offset=at, length=len(part), version=version) as piece:
                    count = fill(piece, part, passage, None)
            if count == 0:
                break
            crc = crc32c(part[:count], crc)
            at += count
    return f"{crc:08x}"


def _unpublish(store: Store, path: str, version: str | None) -> None:
    """Removes a file that is known to be wrong, so that the next copy does not take it for done; unless it is no longer
    the one that this copy has published."""
    try:
        if version is not None and store.stat(path).version == version:
            store.delete(path)
    except NotFound:
        return


def source_again(passage: Passage, entry: Entry) -> Entry:
    """The source as it is now.

    :raises NotFound: if it is gone, or no longer a file.
    """
    now = passage.source.stat(entry.path)
    if now.kind is not entry.kind:
        raise NotFound("no longer a file", path=entry.path)
    return now


def best(by_store: str, by_source: str) -> str:
    """By what a content was verified: what its store says of it counts for more than its length."""
    return by_store if by_store != "length" else by_source or "length"


def _refuse_mismatch(digest: Digest, entry: Entry) -> None:
    if not digest.matches():
        raise VerificationFailed(f"{entry.path}: what was read has another {digest.algorithm}")


def _refuse_length(made: Entry, size: int) -> None:
    if made.size != size:
        raise VerificationFailed(f"{made.path}: {made.size} bytes arrived of {size}")
