"""Publishing a directory together: files that were staged are committed in one pass."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.transfer.parted_file import PartedFile, cut, published
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.plan import FileCopy
from airflow_datamove.transfer.whole_file import Copied, copy_whole


class StagedFile(NamedTuple):
    """A file whose parts are all at the destination, and which nobody sees yet."""

    item: FileCopy
    result: Copied
    attempts: int
    seconds: float


def publish_staged(passage: Passage, staged: StagedFile) -> Copied:
    """Publishes one file. Nothing of it has been kept in memory: its name leads to its parts.

    Parts that are gone (another try of the same copy has taken or published them) are moved again.
    """
    entry, destination = staged.item.source, staged.item.destination
    part_size = cut(passage, entry)
    if part_size is None:  # of no bytes: there was nothing to stage
        return passage.trying(lambda _: copy_whole(passage, entry, destination))

    parted = passage.trying(lambda _: PartedFile(passage, entry, destination, part_size))
    passage.meter.found(-parted.resumed)
    try:
        if spans := parted.spans():
            with suppress(StoreUnavailable):
                return parted.publish()  # which says so, unless another try has published it

            def move(_: int) -> None:
                for span in spans:
                    parted.move(span, lambda: True)

            passage.trying(move)
        return published(passage, parted, destination)._replace(resumed=staged.result.resumed)
    finally:
        parted.close()
