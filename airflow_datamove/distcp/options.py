"""What may be asked of DistCp: :class:`DistCpRequest`. Nothing here is a free string that reaches a command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_datamove.address import Address
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.transfer.options import CopyOptions

_WHOLE = re.compile(r"\d{1,12}")
_COUNT = re.compile(r"[1-9]\d{0,3}")
_SIZE = re.compile(r"\d{1,12}[KMG]?")
_TRUTH = re.compile(r"true|false")
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}")
_TAG = re.compile(r"[!-+\--~]{1,100}")
_SECRET = re.compile(r"key|secret|password|token|credential", re.IGNORECASE)

_JOB: Mapping[str, re.Pattern[str]] = {
    "distcp.update.modification.time": _TRUTH,
    "mapreduce.job.node-label-expression": _NAME,
    "mapreduce.job.priority": re.compile("VERY_LOW|LOW|NORMAL|HIGH|VERY_HIGH"),
    "mapreduce.job.queuename": _NAME,
    "mapreduce.job.ubertask.enable": _TRUTH,
    "mapreduce.map.cpu.vcores": _WHOLE,
    "mapreduce.map.maxattempts": re.compile(r"[1-9]\d?"),
    "mapreduce.map.memory.mb": _WHOLE,
    "mapreduce.task.timeout": _WHOLE,
    "yarn.app.mapreduce.am.resource.mb": _WHOLE,
}
_HDFS: Mapping[str, re.Pattern[str]] = {
    "dfs.blocksize": _WHOLE,
    "dfs.checksum.combine.mode": re.compile("COMPOSITE_CRC|MD5MD5CRC"),
    "dfs.client.use.datanode.hostname": _TRUTH,
    "dfs.replication": re.compile(r"[1-9]\d{0,2}"),
}
_GS: Mapping[str, re.Pattern[str]] = {
    "fs.gs.checksum.type": re.compile("CRC32C|NONE"),
    "fs.gs.inputstream.fadvise": re.compile("AUTO|RANDOM|SEQUENTIAL"),
    "fs.gs.outputstream.upload.chunk.size": _WHOLE,
}
_S3A: Mapping[str, re.Pattern[str]] = {
    "fs.s3a.connection.maximum": _COUNT,
    "fs.s3a.create.storage.class": re.compile("[a-z_]{1,40}"),
    "fs.s3a.fast.upload.active.blocks": _COUNT,
    "fs.s3a.fast.upload.buffer": re.compile("disk|array|bytebuffer"),
    "fs.s3a.multipart.size": _SIZE,
    "fs.s3a.threads.max": _COUNT,
}
_ABFS: Mapping[str, re.Pattern[str]] = {
    "fs.azure.read.request.size": _WHOLE,
    "fs.azure.write.max.concurrent.requests": _COUNT,
    "fs.azure.write.request.size": _WHOLE,
}

ALLOWED: Mapping[str, re.Pattern[str]] = {**_JOB, **_HDFS, **_GS, **_S3A, **_ABFS}
"""The ``-D`` properties that a request may set, and how their values look: those of the job itself (MapReduce, YARN,
DistCp), and for each store what a cluster's own configuration cannot know of a single copy, such as part sizes,
buffers, replication and storage class. One list for all requests, because a property of a store that a job does not
touch does nothing. Of no store: endpoints, proxies and credentials, which would send the cluster's keys elsewhere."""

_OURS = {
    "mapreduce.job.name": "name",
    "mapreduce.job.running.map.limit": "maps",
    "mapreduce.job.tags": "tag",
    "distcp.max.maps": "maps",
    "distcp.map.bandwidth.mb": "bandwidth",
}


@dataclass(frozen=True, slots=True)
class DistCpRequest:
    """One copy, as DistCp is asked for it.

    :raises WrongUse: if the tag, the name or a number cannot be.
    :raises Refused: if a property is not one of :data:`ALLOWED`.
    """

    source: Address
    destination: Address
    options: CopyOptions
    tag: str
    """By which the job is found again: 1 to 100 printable ASCII characters, no space or comma. YARN lower-cases it."""
    name: str
    """What YARN's pages show."""
    maps: int
    """Maps that run at the same time, at most."""
    bandwidth: int
    """Bytes per second of each map, at most."""
    queue: str = ""
    """YARN queue; empty: the connection's."""
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_tag(self.tag)
        if self.maps < 1 or self.bandwidth < 1:
            raise WrongUse(f"maps and bandwidth must be at least 1, not {self.maps} and {self.bandwidth}")
        if self.queue and not _NAME.fullmatch(self.queue):
            raise WrongUse(f"{self.queue!r} cannot be a YARN queue", remedy="Write letters, digits, dots, dashes")
        check_properties(self.properties)


def check_tag(tag: str) -> None:
    """Makes sure that YARN takes a tag as it is (``YarnConfiguration.APPLICATION_MAX_TAG_LENGTH``).

    :raises WrongUse: if it would not.
    """
    if not _TAG.fullmatch(tag):
        raise WrongUse(
            f"{tag!r} cannot be a YARN tag", remedy="Write 1 to 100 printable ASCII characters without space or comma"
        )


def check_properties(properties: Mapping[str, str]) -> None:
    """Makes sure that a request sets only what it may.

    :raises Refused: for a name that is not in :data:`ALLOWED`.
    :raises WrongUse: for a value that is not of the property's kind.
    """
    for name, value in properties.items():
        if name in _OURS:
            raise Refused(f"property {name} is set by this provider", remedy=f"Use the request's {_OURS[name]!r}")
        if name not in ALLOWED:
            if _SECRET.search(name):
                remedy = "Credentials belong to the cluster's own configuration or its credential provider"
            elif close := difflib.get_close_matches(name, ALLOWED, n=1, cutoff=0.7):
                remedy = f"Did you mean {close[0]}?"
            else:
                remedy = f"Allowed: {', '.join(sorted(ALLOWED))}"
            raise Refused(f"property {name} is not allowed", remedy=remedy)
        if not isinstance(value, str) or not ALLOWED[name].fullmatch(value):
            raise WrongUse(f"{value!r} cannot be {name}", remedy=f"It must match {ALLOWED[name].pattern}")
