"""The one result of every route: :class:`TransferReport`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True)
class TransferReport:
    """What a copy did, whoever did it.

    The same record stands in an XCom, in the CLI's ``--json`` and in the demo's table.
    """

    source: str
    destination: str
    route: str = ""
    """``worker``, ``distcp`` or ``server_side``."""
    reason: str = ""
    """Why this route was taken, in words."""
    files: int = 0
    """Files whose bytes were moved."""
    bytes: int = 0
    """Bytes of these files."""
    skipped: int = 0
    """Files left as they were, because the overwrite policy says so."""
    resumed: int = 0
    """Bytes of these files that an earlier try had left at the destination, so that they were not moved again."""
    filtered: int = 0
    """Files of the source that include, exclude, size or age left out."""
    failed: int = 0
    """Files that could not be copied."""
    deleted: int = 0
    """Files and directories removed from the destination by ``mirror``."""
    directories: int = 0
    """Directories of the source."""
    special: int = 0
    """Symlinks and special files of the source, which are counted and never followed."""
    seconds: float = 0.0
    """From the start of the listing to the end of the verification."""
    verified_by: str = ""
    """By what the destination was compared with the source: ``crc32c``, ``md5 of each block``, ``length``, ..."""
    attempts: int = 1
    """Which try of the task made this report."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    """The first hundred failed files: ``{path, error, retryable}``."""
    details: dict[str, Any] = field(default_factory=dict)
    """What only one route knows: ``application_id``, ``job_id``, ``maps``, ..."""

    @property
    def rate(self) -> float:
        """Bytes per second over the whole copy; 0.0 where it took no measurable time."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote; fields of a newer version are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})
