"""Publishing a directory together: files that were staged are committed in one pass."""

from __future__ import annotations

from typing import NamedTuple

from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.transfer.parted_file import PartedFile, cut
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

    :raises StoreUnavailable: if parts are gone.
    """
    entry, destination = staged.item.source, staged.item.destination
    part_size = cut(passage, entry)
    if part_size is None:  # of no bytes: there was nothing to stage
        return passage.trying(lambda _: copy_whole(passage, entry, destination))

    def publish(_: int) -> Copied:
        parted = PartedFile(passage, entry, destination, part_size)
        try:
            if parted.spans():
                raise StoreUnavailable("staged parts are gone", path=destination)
            return parted.publish()
        finally:
            passage.meter.passed(-parted.resumed)
            parted.close()

    return passage.trying(publish)._replace(resumed=staged.result.resumed)
