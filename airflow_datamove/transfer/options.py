"""What a user may ask of a copy, whichever route it takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from airflow_datamove.errors import WrongUse


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
    threads: int = 8
    """Files that the worker moves at a time."""
    rate: int | None = None
    """Bytes per second over all threads; ``None``: as fast as it goes."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_delete <= 1:
            raise WrongUse(f"max_delete is {self.max_delete}", remedy="Give a share between 0 and 1")
        if not 1 <= self.threads <= 256:
            raise WrongUse(f"threads is {self.threads}", remedy="Give a number between 1 and 256")
        if self.rate is not None and self.rate < 1:
            raise WrongUse(f"rate is {self.rate}", remedy="Give bytes per second, at least 1")
