"""Copying a large file part by part, on as many threads as there are: :class:`PartedFile`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext

from awscrt.checksums import combine_crc32c

from airflow_datamove.errors import SourceChanged, VerificationFailed
from airflow_datamove.stores.contract import Entry
from airflow_datamove.transfer.digest import OrderedDigest
from airflow_datamove.transfer.options import Publish, Verify
from airflow_datamove.transfer.parts import identity_of, plan_parts
from airflow_datamove.transfer.passage import Passage, Passing, checksum_of, expect_end, fetch, fill
from airflow_datamove.transfer.whole_file import Copied, best, read_back

_WITHIN_PART = 64 * 2**20
"""Bytes of a part that a service copies by itself."""
_STRETCH = 32 * 2**20
"""Bytes that are read from a server by one request, where it does not say otherwise: each request costs something."""
_LARGEST_WITHIN = 4 * _WITHIN_PART
"""Bytes of the largest file that a service copies in one piece: one call does it."""


class PartedFile:
    """One file in parts. What an earlier try of the same copy has left at the destination is not moved again.

    :param part_size: bytes; see :func:`~airflow_datamove.transfer.parts.plan_parts`.
    :param afresh: what is there is moved again nevertheless: with it the file came out wrong.
    """

    def __init__(
        self, passage: Passage, entry: Entry, destination: str, part_size: int, *, afresh: bool = False
    ) -> None:
        self.entry = entry
        self._passage, self._destination, self._part_size = passage, destination, part_size
        self._count = -(-entry.size // part_size)
        self._upload = passage.destination.upload(
            destination,
            size=entry.size,
            part_size=part_size,
            identity=identity_of(passage.source_name, entry, f"{passage.destination_name}{destination}", part_size),
            attributes=passage.attributes(entry),
        )
        try:
            held = self._upload.held()
        except BaseException:
            self._upload.close()
            raise
        self._crcs: dict[int, str | None] = {} if afresh else dict(held)
        if passage.options.verify is Verify.READ_BACK and not passage.within:
            self._crcs = {index: crc for index, crc in self._crcs.items() if crc}
        self.resumed = sum(self._length(index) for index in self._crcs)
        passage.meter.found(self.resumed)
        self._digest: OrderedDigest | None = None
        if "md5" in entry.checksums and "crc32c" not in entry.checksums and not self._crcs and not passage.within:
            self._digest = OrderedDigest({"md5": entry.checksums["md5"]})
        self._missing = [index for index in range(self._count) if index not in self._crcs]
        self._lock = threading.Lock()

    def spans(self) -> list[list[int]]:
        """The parts that are missing, as runs that are best read in one go."""
        source = self._passage.source.capabilities
        stretch = (source.stretch or (_STRETCH if source.remote else 0)) // self._part_size
        if self._passage.few:
            stretch = min(stretch, -(-len(self._missing) // self._passage.options.threads))
        if self._passage.within or self._digest is not None:
            stretch = 1  # a digest takes its parts in order, so that threads must not run ahead of one another
        found: list[list[int]] = []
        for index in self._missing:
            if found and len(found[-1]) < stretch and found[-1][-1] == index - 1:
                found[-1].append(index)
            else:
                found.append([index])
        return found

    def move(self, span: list[int], wanted: Callable[[], bool]) -> None:
        """Moves a run of parts. A second call goes on after the last part that was moved.

        :param wanted: asked between parts: whether the file is still to be copied.
        """
        left = [index for index in span if index not in self._crcs]
        if not left:
            return
        if self._passage.within:
            passing = Passing(self._passage)
            try:
                passing(self._length(left[0]))
                self._upload.copy(left[0], self._passage.source, self.entry)
            except BaseException:
                passing.undo()
                raise
            self._done(left[0], None)
            return
        passage, entry = self._passage, self.entry
        start = left[0] * self._part_size
        length = sum(map(self._length, left))
        with (
            nullcontext()
            if passage.fetches
            else passage.source.open(entry.path, offset=start, length=length, version=entry.version) as reader
        ):
            for index in left:
                if not wanted():
                    return
                passing = Passing(passage)
                try:
                    with passage.buffers.lend(self._length(index)) as buffer:
                        if reader is None:
                            fetch(passage, entry, index * self._part_size, buffer, passing)
                        elif fill(reader, buffer, passage, passing if passage.paces_reads else None) != len(buffer):
                            raise SourceChanged(f"{entry.path} is shorter than the {entry.size} bytes that were listed")
                        elif index == left[-1]:
                            expect_end(reader, entry)
                        crc = checksum_of(buffer)
                        if self._digest is not None:
                            self._digest.update(index, buffer)
                        if passage.paces_reads:
                            self._upload.put(index, buffer, crc)
                        else:
                            self._upload.put(index, buffer, crc, passing)
                except BaseException:
                    passing.undo()
                    raise
                self._done(index, crc)

    def check(self) -> tuple[str | None, str]:
        """The crc32c of the whole content, if that of each part is known, and by what checksum of the source it is
        known to be right, if by any.

        :raises VerificationFailed: if it is not what its source says.
        """
        crc = self._checksum()
        expected = self.entry.checksums.get("crc32c")
        matches = self._digest.matches(self._count) if self._digest is not None else None
        if (crc is not None and expected is not None and crc != expected) or matches is False:
            raise VerificationFailed(f"{self.entry.path}: what was read has another {'crc32c' if expected else 'md5'}")
        return crc, "md5" if matches else "crc32c" if crc is not None and expected is not None else ""

    def publish(self) -> Copied:
        """Publishes the file, once all parts are there.

        :raises VerificationFailed: if it is not what its source says.
        """
        crc, by_source = self.check()
        made = self._upload.commit(crc)
        if made.size != self.entry.size:
            raise VerificationFailed(f"{self._destination}: {made.size} bytes arrived of {self.entry.size}")
        return Copied(self.entry.size, crc or "", best(self._upload.verified_by, by_source), self.resumed, made.version)

    def _checksum(self) -> str | None:
        total = 0
        for index in range(self._count):
            crc = self._crcs.get(index)
            if crc is None:
                return None
            total = combine_crc32c(total, int(crc, 16), self._length(index))
        return f"{total:08x}"

    def give_up(self, error: BaseException) -> None:
        """The file will not be published by this try. The parts stay for the next one, which may already run, unless
        they are of a content that is no more, or that is wrong; or there are none, and nobody else is at it.
        """
        if self._digest is not None:
            self._digest.give_up()
        # On a local disk a lock tells that nobody else is at it; elsewhere another try may just have begun.
        unused = not self._crcs and not self._passage.destination.capabilities.remote
        if unused or isinstance(error, (SourceChanged, VerificationFailed)):
            self._upload.abort()
        self._passage.meter.passed(-sum(self._length(index) for index in self._crcs))

    def close(self) -> None:
        """Lets go of the upload; its parts stay."""
        self._upload.close()

    def _done(self, index: int, crc: str | None) -> None:
        with self._lock:
            self._crcs[index] = crc

    def _length(self, index: int) -> int:
        return min(self._part_size, self.entry.size - index * self._part_size)


def published(passage: Passage, parted: PartedFile, destination: str) -> Copied:
    """Publishes a file whose parts are all there, and reads it back if that is wanted: two steps, because what is
    published has no parts any more.

    :raises VerificationFailed: if it has to be copied afresh.
    """
    final = (SourceChanged, VerificationFailed)
    copied = passage.trying(lambda _: parted.publish(), final=final)
    return passage.trying(lambda _: read_back(passage, parted.entry, destination, copied), final=final)


def cut(passage: Passage, entry: Entry) -> int | None:
    """How a file is cut: bytes of a part; ``None``: it is copied whole. The same for each try of a copy."""
    rules = passage.destination.capabilities.parts
    wanted = passage.options.part_size
    if rules is None:
        return None
    if passage.within:
        if not passage.destination.capabilities.parts_within:
            return None
        least = _LARGEST_WITHIN
        wanted = wanted or _WITHIN_PART
    else:
        least = rules.least if wanted is None else min(rules.least, max(wanted, rules.smallest))
    if passage.options.publish is Publish.TOGETHER:
        least = 0
    return plan_parts(entry.size, rules, wanted) if entry.size > least else None
