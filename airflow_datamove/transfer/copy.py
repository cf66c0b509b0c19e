"""A whole copy by this process: compare, copy on threads, verify, publish, mirror, report.

:func:`copy` does all of it; :func:`prepare_copy` lets the caller look at the plan first, and choose the route.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from airflow_datamove.address import Address
from airflow_datamove.errors import NotSupported, Refused
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.stores.shared import Opener
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.naming import naming
from airflow_datamove.transfer.options import CopyOptions, Publish, Route
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.progress import Progress
from airflow_datamove.transfer.receipt import Receipt, check_receipt
from airflow_datamove.transfer.run import CopyRun
from airflow_datamove.transfer.source_view import view_source
from airflow_datamove.transfer.throttle import Throttle


@dataclass(frozen=True)
class PreparedCopy:
    """A copy that is planned, and not begun."""

    source: Address
    destination: Address
    options: CopyOptions
    connections: Connections
    source_store: Store
    destination_store: Store
    plan: CopyPlan
    server_side: bool
    """The destination's service can copy by itself."""
    started: float
    """Seconds on the monotonic clock: when the comparison began."""

    def carry_out(
        self,
        *,
        route: Route = Route.WORKER,
        reason: str = "",
        progress: Callable[[Progress], None] | None = None,
        cancelled: threading.Event | None = None,
        throttle: Throttle | None = None,
    ) -> TransferReport:
        """Copies; see :func:`copy`."""
        if route is Route.SERVER_SIDE and not self.server_side:
            raise Refused(f"{self.source} and {self.destination} are not in one service that can copy by itself")
        report = TransferReport(str(self.source), str(self.destination), route=str(route), reason=reason)
        receipt = Receipt(self.options.receipt, self.connections) if self.options.receipt is not None else None
        try:
            with receipt or ExitStack():
                CopyRun(
                    self.plan,
                    self.source,
                    self.source_store,
                    self.destination,
                    self.destination_store,
                    self.options,
                    report,
                    receipt,
                    throttle or Throttle(self.options.rate),
                    cancelled or threading.Event(),
                    progress,
                ).carry_out(within=route is Route.SERVER_SIDE)
        finally:
            report.seconds = time.monotonic() - self.started
        return report


@contextmanager
def prepare_copy(
    source: Address,
    destination: Address,
    connections: Connections,
    options: CopyOptions,
    *,
    cancelled: threading.Event | None = None,
    opened: Opener = open_store,
) -> Iterator[PreparedCopy]:
    """Opens both ends and compares them; writes nothing.

    :param cancelled: once it is set, the comparison ends with Cancelled.
    :param opened: opens the two ends; by default they are this copy's own.

    :raises Refused: for a mirror that would delete too much.
    :raises NotSupported: if the destination cannot be written to, or cannot publish files together.
    :raises StoreError: if the source cannot be listed, or the destination cannot be looked at.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        source_store = stack.enter_context(opened(source, connections))
        destination_store = stack.enter_context(opened(destination, connections))
        if destination_store.capabilities.read_only:
            raise NotSupported("nothing can be written there", path=str(destination), remedy="Choose another place")
        together = options.publish is Publish.TOGETHER
        if together and destination_store.capabilities.parts is None:
            raise NotSupported(
                "files cannot be staged there, so they cannot be published together",
                path=str(destination),
                remedy="Leave out publish: together",
            )
        if options.receipt is not None:
            check_receipt(options.receipt, source, destination, connections)
        manifest = read_manifest(options.manifest, connections) if options.manifest is not None else None
        with naming(source):
            view = view_source(source_store, source, manifest)
        plan = compare(
            view,
            source,
            source_store,
            destination,
            destination_store,
            options,
            created=options.create,
            cancelled=cancelled,
        )
        stack.callback(plan.close)
        server_side = destination_store.can_copy_from(source_store) and (
            not together or destination_store.capabilities.parts_within
        )
        yield PreparedCopy(
            source, destination, options, connections, source_store, destination_store, plan, server_side, started
        )


def copy(
    source: Address,
    destination: Address,
    connections: Connections,
    options: CopyOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    reason: str = "",
    route: Route = Route.WORKER,
    throttle: Throttle | None = None,
) -> TransferReport:
    """Copies a file, a directory, what a glob matches, or what a manifest names.

    Nothing is seen under its final name before it is whole and verified. The same copy again, here or on another
    machine, goes on with what this one has left at the destination.

    :param progress: called on this thread about once a second, and once at the end.
    :param cancelled: once it is set, the copy stops within two seconds. Parts of large files stay for the next try.
    :param reason: why this route was taken, for the report.
    :param route: ``WORKER``, or ``SERVER_SIDE`` to let the service copy by itself.
    :param throttle: the rate to keep to, if someone wants to change it on the way; by default ``options.rate``.
    :raises PathConflict: before any byte moves.
    :raises Refused: for a mirror that would delete too much, and for ``SERVER_SIDE`` where the service cannot.
    :raises CopyFailed: if more files failed than ``options.error_budget``; ``error.report`` tells of the rest.
    :raises Cancelled: if that was asked for; ``error.report`` tells what was done.
    :raises StoreError: if the source cannot be listed, or the destination cannot be looked at.
    """
    with prepare_copy(source, destination, connections, options or CopyOptions(), cancelled=cancelled) as prepared:
        return prepared.carry_out(route=route, reason=reason, progress=progress, cancelled=cancelled, throttle=throttle)
