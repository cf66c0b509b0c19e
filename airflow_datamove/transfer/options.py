"""What a user may ask of a copy, whichever route it takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from airflow_datamove.address import Address
from airflow_datamove.errors import WrongUse
from airflow_datamove.transfer.filters import Filters

MARKER = "_SUCCESS"
"""The name of the file that says that a directory is whole, as Hadoop's jobs write it."""


class Overwrite(enum.StrEnum):
    """What happens to a file that exists at the destination."""

    NEVER = "never"
    """It stays, whatever it holds."""
    IF_CHANGED = "if_changed"
    """It is replaced if the size differs, else if a comparable checksum does, else if the source is newer."""
    ALWAYS = "always"
    """It is replaced."""


class Route(enum.StrEnum):
    """How a copy is done."""

    AUTO = "auto"
    WORKER = "worker"
    DISTCP = "distcp"
    SERVER_SIDE = "server_side"


class Publish(enum.StrEnum):
    """When what is copied is seen under its final name."""

    EACH = "each"
    """Each file once it is whole."""
    TOGETHER = "together"
    """All files once all are whole, and then the marker."""


class Verify(enum.StrEnum):
    """How it is made sure that what arrived is what was sent."""

    CHECKSUM = "checksum"
    """By what the two ends say of the content; by length where they say nothing."""
    READ_BACK = "read_back"
    """Besides, by reading what arrived once more."""


class OnError(enum.StrEnum):
    """What happens when a file has failed for good."""

    CONTINUE = "continue"
    """The others are copied nevertheless."""
    STOP = "stop"
    """No further file is begun."""


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """What a user may ask of a copy.

    :raises WrongUse: for values that make no sense.
    """

    overwrite: Overwrite = Overwrite.IF_CHANGED
    mirror: bool = False
    """Also delete what the source lacks; asks for a directory as the source."""
    max_delete: float = 0.5
    """The largest share of the destination's files that ``mirror`` may delete, 0 to 1."""
    threads: int = 16
    """Files and parts that the worker moves at a time, at most."""
    rate: int | None = None
    """Bytes per second over all threads; ``None``: as fast as it goes."""
    filters: Filters = field(default_factory=Filters)
    manifest: Address | None = None
    """A file that names the files to copy, one relative path in each line; the source is then the directory that they
    are in."""
    create: bool = False
    """Make the destination's container or bucket if there is none."""
    publish: Publish = Publish.EACH
    marker: str = MARKER
    """The file that ``publish: together`` writes last, below the destination; empty: none."""
    verify: Verify = Verify.CHECKSUM
    on_error: OnError = OnError.CONTINUE
    error_budget: int = 0
    """So many files may fail, and the copy still counts as done."""
    receipt: Address | None = None
    """Where to write a Parquet file with a row for each file."""
    part_size: int | None = None
    """Bytes of the parts of large files; ``None``: what suits the destination."""

    def distcp_obstacle(self, *, plain: bool = False) -> str:
        """Why DistCp cannot do what is asked for, in a clause; empty if it can.

        :param plain: DistCp lists the source by itself, instead of being given our list.
        """
        if self.publish is Publish.TOGETHER:
            return "DistCp publishes each file once it is whole, and not all of them together"
        if self.verify is Verify.READ_BACK:
            return "DistCp does not read back what it wrote"
        if plain and self.filters:
            return "DistCp without our list does not do include, exclude, sizes and ages"
        if plain and self.manifest is not None:
            return "DistCp without our list does not do a manifest"
        return ""

    def __post_init__(self) -> None:
        if not 0 <= self.max_delete <= 1:
            raise WrongUse(f"max_delete is {self.max_delete}", remedy="Give a share between 0 and 1")
        if not 1 <= self.threads <= 256:
            raise WrongUse(f"threads is {self.threads}", remedy="Give a number between 1 and 256")
        if self.rate is not None and self.rate < 1:
            raise WrongUse(f"rate is {self.rate}", remedy="Give bytes per second, at least 1")
        if self.error_budget < 0:
            raise WrongUse(f"error_budget is {self.error_budget}", remedy="Give a number of files, 0 or more")
        if self.part_size is not None and self.part_size < 2**16:
            raise WrongUse(f"part_size is {self.part_size}", remedy="Give at least 64 KiB")
        if "/" in self.marker or self.marker in (".", ".."):
            raise WrongUse(f"marker is {self.marker!r}", remedy="Give a file's name without a slash")
        if self.error_budget and self.publish is Publish.TOGETHER:
            raise WrongUse(
                "publish: together and an error_budget do not go together: a directory is whole or it is not",
                remedy="Drop one of them",
            )
        if self.mirror and self.publish is Publish.TOGETHER:
            raise WrongUse(
                "mirror and publish: together do not go together: deleting is no single act", remedy="Drop one of them"
            )


def options_of_words(
    words: Any, *, threads: int, rate: int | None, manifest: Address | None, receipt: Address | None
) -> CopyOptions:
    """The options that a request or a command line asks for.

    :param words: has an attribute for each of the other options and filters, under its name: words and numbers.
    :raises WrongUse: for a combination that makes no sense.
    """
    return CopyOptions(
        overwrite=Overwrite(words.overwrite),
        mirror=words.mirror,
        max_delete=words.max_delete,
        threads=threads,
        rate=rate,
        filters=Filters(
            include=tuple(words.include),
            exclude=tuple(words.exclude),
            min_size=words.min_size,
            max_size=words.max_size,
            min_age=words.min_age,
            max_age=words.max_age,
        ),
        manifest=manifest,
        create=words.create,
        publish=Publish(words.publish),
        marker=words.marker,
        verify=Verify(words.verify),
        on_error=OnError(words.on_error),
        error_budget=words.error_budget,
        receipt=receipt,
        part_size=words.part_size,
    )
