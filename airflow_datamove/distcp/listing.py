"""Our list for DistCp: :func:`write_listing`. What it names is copied, to where it says, and nothing else.

It is read by ``PlannedCopyListing`` (``java/``), which describes the format: fields in UTF-8, each ended by a NUL, the
one character that no path holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from airflow_datamove.distcp.uri import check_name
from airflow_datamove.errors import Refused
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.plan import CopyPlan

CLASS = "io.github.airflow_datamove.PlannedCopyListing"
"""What ``distcp.copy.listing.class`` is set to."""

JAR = Path(__file__).with_name("planned-copy-listing.jar")
"""Holds :data:`CLASS`, for the class path of Hadoop's client; the maps do without it."""

PROPERTY = "datamove.copy.listing"
"""Names the list's URI."""

_MAGIC = "datamove-copy-listing-1"
_END = "end"
_DIRECTORY = "d"
_BATCH = 2000
_OTHER = {Kind.FILE: Kind.DIRECTORY, Kind.DIRECTORY: Kind.FILE}


def write_listing(plan: CopyPlan, source: str, base: str, to: IO[bytes]) -> None:
    """Writes what a plan copies, and the directories that it makes; in memory is only a moment's worth of it.

    A lone file is named by its place in the destination's directory, which is DistCp's target then: a file that is the
    target itself would be replaced whatever the flags.

    :param source: Hadoop's URI of the file, of the directory, or of the glob's fixed prefix.
    :param base: the path that the source's paths get in front of them at the destination; of a file, its path there.
    :raises Refused: for a name that Hadoop cannot hold.
    """
    to.write(_fields(_MAGIC, source, base.rpartition("/")[2] if plan.root is Root.FILE else ""))
    batch: list[str] = []
    for record in chain(_directories(plan, base), _files(plan)):
        batch.append(record)
        if len(batch) >= _BATCH:
            to.write(_encoded("".join(batch)))
            batch.clear()
    to.write(_encoded("".join(batch)) + _fields(_END))


def _directories(plan: CopyPlan, base: str) -> Iterator[str]:
    cut = len(base.rstrip("/")) + 1
    for path in plan.new_directories:
        relative = path[cut:]
        if relative:
            check_name(relative)
        yield f"{_DIRECTORY}\0000\0{relative}\0"


def _files(plan: CopyPlan) -> Iterator[str]:
    alone = plan.root is Root.FILE
    for item in plan.copies:
        entry = item.source
        modified = 0 if entry.modified is None else int(entry.modified * 1000)
        check_name(item.relative)
        yield f"{entry.size}\0{modified}\0{'' if alone else item.relative}\0"


def _fields(*values: str) -> bytes:
    return _encoded("".join(f"{value}\0" for value in values))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        name = text[max(0, error.start - 40) : error.end + 20].rpartition("\0")[2]
        raise Refused(f"Hadoop cannot hold {name!r}, which is no text", remedy="Take the worker route") from None


class UniqueNames:
    """Refuses a name that is a file and a directory at once, as it may be in a bucket.

    It is told of things in the order of a comparison: between ``a`` and ``a/b`` all begin with ``a``.
    """

    def __init__(self) -> None:
        self._above: list[tuple[str, Kind]] = []

    def __call__(self, relative: str, entry: Entry) -> None:
        """Takes one thing of the source.

        :raises Refused: if another one of the same name is of another kind.
        """
        while self._above and not relative.startswith(self._above[-1][0]):
            self._above.pop()
        if self._above and self._above[-1] == (relative, _OTHER.get(entry.kind)):
            raise Refused(
                f"Hadoop cannot hold {relative!r}, which is a file and a directory at once",
                remedy="Take the worker route",
            )
        self._above.append((relative, entry.kind))
