"""The DistCp command that copies what our list names: :func:`plan_listed`. Pure: nothing is asked, nothing is done.

DistCp by itself puts a directory's contents into the target or a directory of its name below it, depending on flags, on
what exists, and on how many sources match (``SimpleCopyListing.computeSourceRootPath``). With a list of ours each file
has its place, in every mode. For a client that cannot be given our list see :mod:`airflow_datamove.distcp.plain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from airflow_datamove.distcp.listing import CLASS, JAR, PROPERTY
from airflow_datamove.distcp.sizing import format_bandwidth
from airflow_datamove.distcp.uri import source_argument, target_argument
from airflow_datamove.transfer.options import Overwrite

__all__ = ["Command", "Judge", "Settings", "maps_judge", "plan_listed"]

# HDFS shows a file only when it is renamed into place; an object store shows it only when it is closed, and a rename
# there is a second copy. The Azure driver flushes as it writes and renames in one act, so it is none of these.
_ONE_COMMIT = ("gs", "s3a")
_HDFS = "hdfs"
# Schemes between which DistCp compares the checksums of what it has copied, given the properties below.
_COMPARABLE = frozenset({_HDFS, "gs"})


class Judge(Enum):
    """Who says whether an existing file is replaced: DistCp's option for it."""

    NOBODY = "-overwrite"
    """What is named is copied."""
    MAP = "-update"
    """A map compares length, then checksum, else time."""
    PRESENCE = ""
    """What exists stays."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a job runs, whatever it copies."""

    source: str
    """URI, plain: no glob, no escape. Of a file, a directory, or a glob's fixed prefix."""
    target: str
    """URI that the file, or the directory's contents, shall have."""
    tag: str
    name: str
    maps: int
    """Maps that run at the same time, at most."""
    bandwidth: int
    """Bytes per second of each map, at most."""
    judge: Judge
    ignore_failures: bool = False
    """A file that cannot be read does not fail the job; it is counted as failed."""
    queue: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Hadoop's, which override those that follow from the rest."""

    def options(self, more: Mapping[str, str]) -> tuple[str, ...]:
        """DistCp's options.

        :param more: further properties.
        """
        properties = {
            "mapreduce.job.tags": self.tag,
            "mapreduce.job.name": _one_line(self.name),
            "mapreduce.job.running.map.limit": str(self.maps),
            # Checksums of files are comparable whatever their block sizes; the default fails such a job.
            "dfs.checksum.combine.mode": "COMPOSITE_CRC",
            # Maps tell their counters every 3 s; the default follows the task's timeout and is several times that.
            "mapreduce.task.progress-report.interval": "3000",
            **more,
        }
        if self.queue:
            properties["mapreduce.job.queuename"] = self.queue
        if "gs" in schemes(self.source, self.target):
            properties["fs.gs.checksum.type"] = "CRC32C"
        if "s3a" in schemes(self.source, self.target):
            # Where a cluster has it on, DistCp holds an ETag against the other end's checksum, and fails each file.
            properties["fs.s3a.etag.checksum.enabled"] = "false"
        options = [f"-D{name}={value}" for name, value in {**properties, **self.properties}.items()]
        options += ["-async", "-m", str(self.maps), "-bandwidth", format_bandwidth(self.bandwidth)]
        if self.judge is not Judge.PRESENCE:
            options.append(self.judge.value)
        if self.ignore_failures:
            options.append("-i")
        if schemes(self.source, self.target)[1] in _ONE_COMMIT:
            options.append("-direct")
        return tuple(options)


@dataclass(frozen=True, slots=True)
class Command:
    """DistCp's arguments: options first, because what follows a path is a path."""

    options: tuple[str, ...]
    sources: tuple[str, ...]
    """Escaped."""
    target: str
    listing: Path | None = None
    """Our list, a file of this machine; ``None`` where DistCp lists the sources itself."""
    jar: Path | None = None
    """What the client's class path needs, a file of this machine."""

    @property
    def arguments(self) -> list[str]:
        """All of them in order, for a client on this machine."""
        return self.arguments_with(self.listing.as_uri() if self.listing else "")

    def arguments_with(self, listing_uri: str) -> list[str]:
        """All of them in order.

        :param listing_uri: where the client finds our list.
        """
        ours = [f"-D{PROPERTY}={listing_uri}"] if self.listing else []
        return [*ours, *self.options, *self.sources, self.target]


def plan_listed(settings: Settings, listing: Path, *, alone: bool) -> Command:
    """The command that copies what a list names.

    :param alone: a lone file: the list names its place in the target's directory.
    """
    target = settings.target.rpartition("/")[0] if alone else settings.target
    options = settings.options({"distcp.copy.listing.class": CLASS})
    return Command(options, (source_argument(settings.source),), target_argument(target), listing, JAR)


def maps_judge(overwrite: Overwrite, source: str, target: str) -> bool:
    """True if files of equal length are named in the list, and left to the maps to compare: of files in HDFS no listing
    tells a checksum, and the maps ask on all the cluster's machines at once.

    Not between HDFS and ``gs``, where the maps could too: a worker cannot (a data node tells it no crc32c), and what
    becomes of a file must not hang on the route.

    :param source: URI.
    :param target: URI.
    """
    return overwrite is Overwrite.IF_CHANGED and schemes(source, target) == (_HDFS, _HDFS)


def compared_by_distcp(both: tuple[str, ...]) -> bool:
    """True if DistCp compares the checksums of each file that it copies between two schemes."""
    return bool(both) and _COMPARABLE.issuperset(both)


def schemes(source: str, target: str) -> tuple[str, str]:
    """The schemes of two URIs."""
    return source.partition(":")[0], target.partition(":")[0]


def _one_line(name: str) -> str:
    # Hadoop replaces ${...} in a property's value, by what may be nobody's business.
    return "".join(each if each.isprintable() else " " for each in name).replace("${", "$ {")[:200]
