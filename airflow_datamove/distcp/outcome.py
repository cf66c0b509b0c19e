"""What a job has done, compared with what it should have done: :func:`report_of`."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

from airflow_datamove.distcp.counters import Counters
from airflow_datamove.distcp.history import HistoryServer
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.progress import JobRef
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.errors import DistCpFailed, VerificationFailed
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.verify import verify_destination

_SHOWN = 5
_SECONDS_FOR_HISTORY = 10.0
_COMPARABLE = frozenset({"hdfs", "gs"})


def report_of(
    ref: JobRef, request: DistCpRequest, connections: Connections, history: HistoryServer | None, reason: str = ""
) -> TransferReport:
    """The report of a job that YARN says succeeded: its counters, the source compared with the destination, and then
    what ``mirror`` deletes.

    The deletes are done here and not by ``-delete``, which would delete what the destination holds by then instead of
    what the guard ``max_delete`` has seen, is refused by DistCp where existing files are kept, and fails for a target
    that is not there.

    :raises DistCpFailed: if DistCp counted failed files.
    :raises VerificationFailed: if something is missing or has another length.
    :raises Refused: if the mirror would delete too much.
    """
    counters = _counters(history, ref) if not ref.needs_no_job else Counters(None)
    if failed := counters.copied("FAIL"):
        raise DistCpFailed(
            f"DistCp job {ref.application_id} says success, and {failed} files failed", remedy="Run it again"
        )
    source, destination = request.source, request.destination
    with ExitStack() as stack:
        source_store = stack.enter_context(open_store(source, connections))
        destination_store = stack.enter_context(open_store(destination, connections))
        found = verify_destination(source, source_store, destination, destination_store, request.options)
        plan = found.plan
        problems = found.problems(_SHOWN)
        if problems:
            shown = "; ".join(problems)
            raise VerificationFailed(
                f"after DistCp job {ref.application_id or '(none was needed)'}, {shown}",
                remedy="The source may have changed while it was copied: run it again",
            )
        for removal in plan.deletes:
            destination_store.delete(removal.path)
    report = TransferReport(
        str(source),
        str(destination),
        route="distcp",
        reason=reason,
        deleted=len(plan.deletes),
        directories=plan.directories,
        special=plan.special,
        verified_by=_verified_by(ref, request.options.overwrite),
        details=_details(ref, history, counters),
    )
    _count(report, ref, counters, plan)
    report.seconds = max(0.0, time.time() - ref.started) if ref.started else 0.0
    return report


def _count(report: TransferReport, ref: JobRef, counters: Counters, plan: CopyPlan) -> None:
    if ref.needs_no_job:
        report.skipped = plan.files
    elif counters:
        report.files, report.bytes = counters.copied("COPY"), counters.copied("BYTESCOPIED")
        report.skipped = counters.copied("SKIP")
    else:
        report.files, report.bytes = plan.files, plan.bytes


def _details(ref: JobRef, history: HistoryServer | None, counters: Counters) -> dict[str, object]:
    if ref.needs_no_job:
        return {"job": "none was needed"}
    details: dict[str, object] = {
        "application_id": ref.application_id,
        "job_id": ref.job_id,
        "tag": ref.tag,
        "maps_at_once": ref.maps,
        "joined": ref.joined,
    }
    if not counters:
        # The numbers are then the source's, and files that were there already count as copied.
        details["counters"] = "not known: no JobHistory server told them"
    elif history is not None:
        with suppress(NoAnswer):
            details["maps"] = history.maps(ref.job_id)
    return details


def _counters(history: HistoryServer | None, ref: JobRef) -> Counters:
    """The counters, waited for: a job reaches the JobHistory server a moment after YARN calls it finished."""
    deadline = time.monotonic() + _SECONDS_FOR_HISTORY
    counters = Counters(None)
    while history is not None:
        with suppress(NoAnswer):
            counters = history.counters(ref.job_id)
        if counters or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return counters


def _verified_by(ref: JobRef, overwrite: Overwrite) -> str:
    if ref.needs_no_job:
        return "presence" if overwrite is Overwrite.NEVER else "length"
    by = "presence, length by DistCp" if overwrite is Overwrite.NEVER else "length"
    return f"{by}, checksum by DistCp" if ref.schemes and set(ref.schemes) <= _COMPARABLE else by
