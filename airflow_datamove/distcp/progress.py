"""A submitted job and how far it is: two records that travel as JSON through triggers and task state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class JobRef:
    """By what a job is found again, and what was known of it when it was submitted."""

    application_id: str
    """Empty if there was nothing for a job to do."""
    job_id: str
    tag: str
    started: float = 0.0
    """Seconds since the epoch: the beginning of the listing."""
    schemes: tuple[str, ...] = ()
    """Hadoop's schemes of the source and of the destination; the latter's bytes count as progress."""
    destination: str = ""
    """The destination's address: where a killed job's debris is swept."""
    files: int | None = None
    """Files of the source; ``None`` for a job that was joined without a listing."""
    bytes: int | None = None
    maps: int = 0
    """Maps that run at the same time, at most."""
    joined: bool = False
    """True if the job had been submitted by an earlier try."""
    ended: bool = False
    """True if it had ended well by then: its result only has to be taken."""
    source: str = ""
    """The source's address."""

    @property
    def needs_no_job(self) -> bool:
        """True if there was nothing for a job to do."""
        return not self.application_id

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-able values."""
        return {**asdict(self), "schemes": list(self.schemes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote; fields of a newer version are ignored."""
        known = _known(cls, values)
        return cls(**{**known, "schemes": tuple(known.get("schemes") or ())})


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is."""

    state: str
    """``YarnApplicationState``: ``ACCEPTED``, ``RUNNING``, ``FINISHED``, ``FAILED``, ``KILLED``, ..."""
    final_status: str
    """``UNDEFINED`` until it ended; then ``SUCCEEDED``, ``FAILED`` or ``KILLED``."""
    bytes_done: int = 0
    """Bytes written and bytes found to be there already, so far."""
    bytes_total: int | None = None
    """Bytes of the source."""
    files_total: int | None = None
    """Files of the source."""
    progress: float = 0.0
    """Percent as YARN reckons it: of listing records, not of bytes; it stands still for long."""
    diagnostics: str = ""
    finished: bool = False

    @property
    def succeeded(self) -> bool:
        """True if the job ended well; whether the files did, ``DistCpJob.result`` says."""
        return self.finished and self.final_status == "SUCCEEDED"

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote; fields of a newer version are ignored."""
        return cls(**_known(cls, values))


def _known(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(cls)}
    return {name: value for name, value in values.items() if name in names}
