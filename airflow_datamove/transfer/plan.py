"""What a copy will do, before it does anything: :class:`CopyPlan`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_datamove.errors import PathConflict
from airflow_datamove.stores.contract import Entry
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.spool import Spool

_SHOWN = 5
_KEPT_CONFLICTS = 1000


class FileCopy(NamedTuple):
    """One file to copy."""

    relative: str
    """Below the directory or the glob's fixed prefix; the file's name where the source is a file."""
    source: Entry
    destination: str
    """A path inside the destination's store."""


class Removal(NamedTuple):
    """What a mirror deletes."""

    path: str
    is_directory: bool


@dataclass
class CopyPlan:
    """What a copy will do. Its lists may be longer than memory is large."""

    root: Root
    files: int = 0
    """Files of the source, those that stay as they are too."""
    bytes: int = 0
    """Their bytes."""
    directories: int = 0
    """Directories of the source."""
    special: int = 0
    """Symlinks and special files of the source, which are not copied."""
    filtered: int = 0
    """Files of the source that the filters leave out."""
    skipped: int = 0
    """Files that stay as they are."""
    copies: Spool[FileCopy] = field(default_factory=Spool)
    copy_bytes: int = 0
    """Bytes of the files to copy."""
    skips: Spool[FileCopy] = field(default_factory=Spool)
    """The files that stay as they are: only where a receipt is wanted."""
    new_directories: Spool[str] = field(default_factory=Spool)
    """Paths inside the destination's store to make, parents first."""
    deletes: Spool[Removal] = field(default_factory=Spool)
    """What ``mirror`` removes, in this order: files, then directories, the deepest first."""
    missing: list[tuple[str, Exception]] = field(default_factory=list)
    """What a manifest names and the source lacks."""
    refused: list[str] = field(default_factory=list)
    """Paths inside the destination's store, the first thousand, that it cannot hold: their files will fail."""
    refused_count: int = 0
    conflicts: list[str] = field(default_factory=list)
    """Sentences, the first thousand; a plan that has any is not carried out."""
    conflict_count: int = 0

    def conflict(self, sentence: str) -> None:
        """Notes something that stands in the way."""
        self.conflict_count += 1
        if len(self.conflicts) < _KEPT_CONFLICTS:
            self.conflicts.append(sentence)

    def refuse(self, path: str) -> None:
        """Notes a file that the destination cannot hold."""
        self.refused_count += 1
        if len(self.refused) < _KEPT_CONFLICTS:
            self.refused.append(path)

    def refuse_conflicts(self) -> None:
        """Raises PathConflict if there are any conflicts, naming the first of them."""
        if self.conflicts:
            more = self.conflict_count - _SHOWN
            rest = f"; and {more} more" if more > 0 else ""
            raise PathConflict(
                "; ".join(self.conflicts[:_SHOWN]) + rest, remedy="Nothing was copied: move what stands in the way"
            )

    def close(self) -> None:
        """Gives back what the lists take."""
        for spool in (self.copies, self.skips, self.new_directories, self.deletes):
            spool.close()


def stays(source: Entry, old: Entry, overwrite: Overwrite) -> bool:
    """True if the overwrite policy leaves an existing file as it is.

    ``if_changed``: the sizes decide, then a checksum that both sides know, else the source must be newer by its
    whole seconds (stores keep times with different precision). Where a time is unknown, it is copied.
    """
    if overwrite is not Overwrite.IF_CHANGED:
        return overwrite is Overwrite.NEVER
    if source.size != old.size:
        return False
    if source.checksums and old.checksums:
        for algorithm, value in source.checksums.items():
            if algorithm in old.checksums:
                return old.checksums[algorithm] == value
    if source.modified is None or old.modified is None:
        return False
    return int(source.modified) <= int(old.modified)
