"""From facts to the one DistCp command whose layout is the path rule's, whatever exists at the destination.

DistCp itself puts a directory's contents into the target or a directory of its name below it, depending on flags, on
what exists, and on how many sources match (``SimpleCopyListing.computeSourceRootPath``). Here every command is of a
form in which that choice does not arise. Pure: nothing is asked, nothing is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from airflow_datamove.distcp.sizing import format_bandwidth, size_job
from airflow_datamove.distcp.uri import source_argument, target_argument
from airflow_datamove.stores.temporary import TEMPORARY_PATTERN
from airflow_datamove.transfer.options import Overwrite

__all__ = ["Command", "Job", "Shape", "plan_command", "size_job"]

# HDFS shows a file only when it is renamed into place; an object store shows it only when it is closed, and a rename
# there is a second copy. The Azure driver flushes as it writes and renames in one act, so it is none of these.
_ONE_COMMIT = ("gs:", "s3a:")
_LISTING_THREADS = 16


class Shape(StrEnum):
    """What is copied."""

    FILE = "file"
    """One file, to exactly the target."""
    DIRECTORY = "directory"
    """A directory's contents, to the target's contents."""
    FILES = "files"
    """Some files of one directory (a glob's matches), into the target under their own names."""


@dataclass(frozen=True, slots=True)
class Job:
    """The facts that decide a command. All URIs are plain: no glob, no escape."""

    shape: Shape
    source: str
    """URI of the file or of the directory."""
    target: str
    """URI that the file, or the directory's contents, shall have. A directory must exist by the time the job runs."""
    overwrite: Overwrite
    tag: str
    name: str
    maps: int
    bandwidth: int
    """Bytes per second of each map."""
    children: Sequence[str] = ()
    """Names of all that lies directly in the directory, or of the matched files."""
    queue: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """DistCp's arguments: options first, because what follows a path is a path."""

    options: tuple[str, ...]
    sources: tuple[str, ...]
    """Escaped."""
    target: str
    listing: Path | None = None
    """A file of this machine that lists what is to be copied; ``None``: DistCp lists by itself."""
    jar: Path | None = None
    """A jar of this machine for the client's class path."""

    @property
    def arguments(self) -> list[str]:
        """All of them in order, for a client of this machine."""
        return self.arguments_with(self.listing.as_uri() if self.listing else "")

    def arguments_with(self, listing_uri: str) -> list[str]:
        """All of them in order, for a client that finds the listing there."""
        return [*self.options, *self.sources, self.target]


def plan_command(job: Job) -> Command | None:
    """The command for a job; ``None`` where there is nothing that a job could copy.

    To keep what exists, DistCp must run without flags, and then an existing target makes it nest the source's name
    below it: so the children are named instead of the directory. With ``-update`` or ``-overwrite`` a directory's
    contents go into the target by themselves, and several files under their own names. A lone file always replaces
    what exists, whatever the flag: the caller looks first.
    """
    root = job.source.rstrip("/")
    children = tuple(source_argument(f"{root}/{name}") for name in job.children)
    if job.shape is Shape.FILE:
        sources: tuple[str, ...] = (source_argument(root),)
    elif job.shape is Shape.FILES or job.overwrite is Overwrite.NEVER:
        sources = children
    else:
        sources = (source_argument(root),) if children else ()
    return Command(tuple(_options(job)), sources, target_argument(job.target)) if sources else None


def _options(job: Job) -> list[str]:
    ends = (job.source, job.target)
    properties = {
        "mapreduce.job.tags": job.tag,
        "mapreduce.job.name": _one_line(job.name),
        "mapreduce.job.running.map.limit": str(job.maps),
        # Checksums of files are comparable whatever their block sizes; the default fails such a job.
        "dfs.checksum.combine.mode": "COMPOSITE_CRC",
        # Maps tell their counters every 3 s; the default follows the task's timeout and is several times that.
        "mapreduce.task.progress-report.interval": "3000",
        # What a killed try of the worker left behind is in no listing of ours, and must not be in DistCp's.
        "distcp.filters.class": "org.apache.hadoop.tools.RegexpInConfigurationFilter",
        "distcp.exclude-file-regex": f".*/{TEMPORARY_PATTERN}",
    }
    if job.queue:
        properties["mapreduce.job.queuename"] = job.queue
    if any(end.startswith("gs:") for end in ends):
        properties["fs.gs.checksum.type"] = "CRC32C"
    options = [f"-D{name}={value}" for name, value in {**properties, **job.properties}.items()]
    options += ["-async", "-m", str(job.maps), "-bandwidth", format_bandwidth(job.bandwidth)]
    options += ["-numListstatusThreads", str(_LISTING_THREADS)]
    if job.overwrite is not Overwrite.NEVER:
        options.append("-update" if job.overwrite is Overwrite.IF_CHANGED else "-overwrite")
    if job.target.startswith(_ONE_COMMIT):
        options.append("-direct")
    return options


def _one_line(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name)[:200]
