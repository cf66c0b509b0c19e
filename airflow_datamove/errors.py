"""Everything that can go wrong, as one closed tree.

DatamoveError
├── WrongUse              fatal: the request, the YAML or the command line is wrong
│   ├── AddressError          an address that cannot be read, or that carries a credential
│   ├── QuantityError         a size or rate that cannot be read
│   ├── SpecError             a mistake in YAML or in a request, with file, line and remedy
│   └── Refused               understood, and not allowed (tenant's paths, lane, slots, guards)
├── StoreError            about one path of one store
│   ├── NotFound              fatal
│   ├── AlreadyExists         fatal
│   ├── PermissionDenied      fatal
│   ├── NotSupported          fatal
│   ├── ConnectionNotFound    fatal: no connection of that id
│   └── StoreUnavailable      retryable: the server hangs, is away, or is overloaded
│       └── Throttled             retryable: the server asks for fewer requests
├── PathConflict          fatal: a file where a directory must be, or the reverse, or a copy into itself
├── SourceChanged         retryable: the source changed while it was read
├── VerificationFailed    retryable: what arrived is not what was sent
├── CopyFailed            some files failed; retryable if any of their causes is
├── Cancelled             fatal: someone asked for the copy to stop, and it did
├── ClusterUnavailable    fatal: no Hadoop cluster answered before anything was submitted
├── TrackingLost          retryable: a submitted job can no longer be asked after
├── LedgerUnavailable     retryable: the database of requests is away, or its tables are not there
├── QueueFull             retryable: the tenant has as many requests pending as it may
├── LeaseLost             fatal: someone else has the request by now; stop, and write nothing
└── DistCpFailed          retryable unless the cause says otherwise: the job ended without success
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class DatamoveError(Exception):
    """Base of all errors of this package.

    :param message: what happened, in one line, with the path, file or field that it happened to.
    :param remedy: what the reader can do about it, in one sentence; empty where there is nothing to say.
    """

    retryable = False

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        if not self.remedy:
            return self.message
        return f"{self.message}{'' if self.message.endswith(('.', '?', '!')) else '.'} {self.remedy}"


class WrongUse(DatamoveError, ValueError):
    """The request, the YAML or the command line is wrong. A ``ValueError``, so that Airflow's REST API answers 400."""


class AddressError(WrongUse):
    """An address that cannot be read, or that carries a credential."""


class QuantityError(WrongUse):
    """A size or a rate that cannot be read."""


class SpecError(WrongUse):
    """A mistake in YAML or in a request. The message names file, line and column where there is a file."""


class Refused(WrongUse):
    """Understood, and not allowed: outside the tenant's paths, above its lane, more slots than the pool has."""


class StoreError(DatamoveError):
    """Something about one path of one store.

    :param message: what happened.
    :param path: the address or path that it happened to.
    """

    def __init__(self, message: str, *, path: str = "", remedy: str = "") -> None:
        self.path = path
        super().__init__(f"{path}: {message}" if path and path not in message else message, remedy=remedy)

    def tell_at(self, address: str) -> None:
        """Puts the whole address in the place of the path inside a store."""
        self.message = self.message.replace(self.path, address, 1)
        self.path, self.args = address, (self.message,)


class NotFound(StoreError):
    """There is nothing at this path."""


class AlreadyExists(StoreError):
    """There is something at this path, and it must not be replaced."""


class PermissionDenied(StoreError):
    """The store does not let this connection do that."""


class NotSupported(StoreError):
    """The store cannot do that, whoever asks."""


class ConnectionNotFound(StoreError):
    """There is no connection of this id."""


class StoreUnavailable(StoreError):
    """The store's server hangs, is away or is overloaded."""

    retryable = True


class Throttled(StoreUnavailable):
    """The store's server asks for fewer requests (429, 503).

    :param retry_after: seconds that it asks to be left alone; ``None`` where it does not say.
    """

    def __init__(self, message: str, *, path: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, path=path, remedy=remedy)


class PathConflict(DatamoveError):
    """A file stands where a directory must be, or the reverse, or a directory would be copied into itself."""


class SourceChanged(DatamoveError):
    """The source changed while it was being read."""

    retryable = True


class VerificationFailed(DatamoveError):
    """What arrived at the destination is not what was sent."""

    retryable = True


class CopyFailed(DatamoveError):
    """Some files of a copy failed.

    :param failures: (relative path, the error) of the failed files; at most the first hundred.
    :param report: the :class:`~airflow_datamove.report.TransferReport` of what was done nevertheless, if there is one.
    """

    def __init__(
        self, message: str, failures: Sequence[tuple[str, Exception]] = (), *, remedy: str = "", report: Any = None
    ) -> None:
        self.failures = list(failures)
        self.report = report
        super().__init__(message, remedy=remedy)

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True if trying again may help: at least one cause is not known to be final."""
        return any(getattr(error, "retryable", True) for _, error in self.failures) or not self.failures


class Cancelled(DatamoveError):
    """Someone asked for the copy to stop. What was finished stays, and of the rest only parts that a next try can use.

    :param report: the :class:`~airflow_datamove.report.TransferReport` of what was done until then, if there is one.
    """

    def __init__(self, message: str, *, remedy: str = "", report: Any = None) -> None:
        self.report = report
        super().__init__(message, remedy=remedy)


class ClusterUnavailable(DatamoveError):
    """No Hadoop cluster answered, before anything was submitted to it."""


class TrackingLost(DatamoveError):
    """A submitted job can no longer be asked after; it may well be running."""

    retryable = True


class LedgerUnavailable(DatamoveError):
    """The ledger's database does not answer, or has no tables yet."""

    retryable = True


class QueueFull(DatamoveError):
    """A tenant has as many requests pending as it may."""

    retryable = True


class LeaseLost(DatamoveError):
    """A request is no longer this worker's: it was given back, cancelled, or ended by another."""


class DistCpFailed(DatamoveError):
    """A DistCp job ended without success."""

    retryable = True
