"""The one normalised command for a client that cannot be given our list: :func:`plan_plain`. Pure.

Every command is of a form in which DistCp's choice between a directory's contents and the directory does not arise.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from airflow_datamove.address import Address
from airflow_datamove.distcp.listing import UniqueNames
from airflow_datamove.distcp.plan import Command, Judge, Settings
from airflow_datamove.distcp.uri import check_name, source_argument, target_argument
from airflow_datamove.errors import Refused
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.temporary import TEMPORARY_PATTERN
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.path_rule import Root

_LISTING_THREADS = "16"


class Shape(StrEnum):
    """What is copied."""

    FILE = "file"
    """One file, to exactly the target."""
    DIRECTORY = "directory"
    """A directory's contents, to the target's contents. The target must exist by the time the job runs."""
    FILES = "files"
    """Some files of one directory (a glob's matches), into the target under their own names."""


def shape_of(root: Root) -> Shape:
    """What a source's root is to DistCp."""
    return {Root.FILE: Shape.FILE, Root.DIRECTORY: Shape.DIRECTORY, Root.GLOB: Shape.FILES}[root]


def judge_of(overwrite: Overwrite) -> Judge:
    """Who judges existing files where DistCp lists the source itself."""
    judges = {Overwrite.NEVER: Judge.PRESENCE, Overwrite.IF_CHANGED: Judge.MAP, Overwrite.ALWAYS: Judge.NOBODY}
    return judges[overwrite]


def plan_plain(shape: Shape, settings: Settings, children: Sequence[str] = ()) -> Command | None:
    """The command for a job; ``None`` where there is nothing that a job could copy.

    To keep what exists, DistCp must run without flags, and then an existing target makes it nest the source's name
    below it: so the children are named instead of the directory. With ``-update`` or ``-overwrite`` a directory's
    contents go into the target by themselves, and several files under their own names. A lone file always replaces
    what exists, whatever the flag: the caller looks first.

    :param children: names of all that lies directly in the directory, or of the matched files.
    """
    root = settings.source.rstrip("/")
    named = tuple(source_argument(f"{root}/{name}") for name in children)
    if shape is Shape.FILE:
        sources: tuple[str, ...] = (source_argument(root),)
    elif shape is Shape.FILES or settings.judge is Judge.PRESENCE:
        sources = named
    else:
        sources = (source_argument(root),) if named else ()
    # What a killed try of the worker left behind is in no listing of ours, and must not be in DistCp's.
    left_out = {
        "distcp.filters.class": "org.apache.hadoop.tools.RegexpInConfigurationFilter",
        "distcp.exclude-file-regex": f".*/{TEMPORARY_PATTERN}",
    }
    options = (*settings.options(left_out), "-numListstatusThreads", _LISTING_THREADS)
    return Command(options, sources, target_argument(settings.target)) if sources else None


class PlainNames(UniqueNames):
    """Looks at all that a source holds, and refuses what one plain command cannot do as the path rule says it."""

    def __init__(self, source: Address, root: Root) -> None:
        super().__init__()
        self._source, self._root = source, root
        self._top: set[str] = set()

    @property
    def children(self) -> tuple[str, ...]:
        """The names that lie directly in the source; none where it is a file."""
        return () if self._root is Root.FILE else tuple(sorted(self._top))

    def __call__(self, relative: str, entry: Entry) -> None:
        """Takes one thing of the source.

        :raises Refused: if DistCp would not copy it, or not to its place.
        """
        super().__call__(relative, entry)
        check_name(relative)
        self._top.add(relative.partition("/")[0])
        if self._root is Root.GLOB and ("/" in relative or entry.kind is not Kind.FILE):
            # With -update or -overwrite, DistCp pours the contents of all matched directories into one.
            raise Refused(
                f"{self._source} matches directories or reaches into several, which DistCp would copy with another"
                " layout than the worker",
                remedy="Take the worker route, name the directory above, or let the cluster's client have our list",
            )
