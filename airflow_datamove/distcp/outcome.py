"""What a job has done, compared with what it should have done: :func:`report_of`."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, suppress
from itertools import islice

from airflow_datamove.distcp.counters import Counters
from airflow_datamove.distcp.history import HistoryServer
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.plan import compared_by_distcp
from airflow_datamove.distcp.progress import JobRef
from airflow_datamove.distcp.receipt import Rows
from airflow_datamove.distcp.rest import NoAnswer
from airflow_datamove.errors import CopyFailed, DatamoveError, DistCpFailed, VerificationFailed
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.receipt import Receipt
from airflow_datamove.transfer.verify import Verification, verify_destination

_SHOWN = 5
_FAILURES_KEPT = 100
_SECONDS_FOR_HISTORY = 10.0


def report_of(
    ref: JobRef, request: DistCpRequest, connections: Connections, history: HistoryServer | None, reason: str = ""
) -> TransferReport:
    """The report of a job that YARN says succeeded: its counters, the source compared with the destination, then what
    ``mirror`` deletes, and the receipt, which is written for a copy that failed too.

    The deletes are done here and not by ``-delete``, which would delete what the destination holds by then instead of
    what the guard ``max_delete`` has seen, is refused by DistCp where existing files are kept, and fails for a target
    that is not there.

    :raises DistCpFailed: if DistCp counted more failed files than the error budget, or nobody knows how many.
    :raises VerificationFailed: if more than that is missing or differs.
    :raises CopyFailed: if more than that is named by the manifest, and the source lacks it.
    :raises Refused: if the mirror would delete too much.
    """
    counters = _counters(history, ref) if not ref.needs_no_job else Counters(None)
    unread = _unread(ref, request, counters)
    options = request.options
    report = TransferReport(
        str(request.source),
        str(request.destination),
        route="distcp",
        reason=reason,
        verified_by=_verified_by(ref, options.overwrite),
        details=_details(ref, history, counters),
    )
    receipt = Receipt(options.receipt, connections) if options.receipt is not None else None
    with ExitStack() as stack:
        stack.enter_context(receipt or ExitStack())
        source_store = stack.enter_context(open_store(request.source, connections))
        destination_store = stack.enter_context(open_store(request.destination, connections))
        rows = Rows(receipt, ref.started, report.verified_by)
        found = verify_destination(
            request.source,
            source_store,
            request.destination,
            destination_store,
            options,
            manifest=read_manifest(options.manifest, connections) if options.manifest is not None else None,
            since=max(0.0, time.time() - ref.started) if ref.started else 0.0,
            sound=rows.sound if receipt else None,
        )
        stack.callback(found.plan.close)
        try:
            _judge(report, ref, found, unread, options.error_budget)
            _count(report, ref, counters, found.plan)
            if report.failed == 0:
                for removal in found.plan.deletes:
                    destination_store.delete(removal.path)
                    rows.deleted(removal.path)
                report.deleted = len(found.plan.deletes)
        finally:
            rows.failed(found)
            _write(receipt, report)
    report.seconds = max(0.0, time.time() - ref.started) if ref.started else 0.0
    return report


def _unread(ref: JobRef, request: DistCpRequest, counters: Counters) -> int:
    """How many files DistCp says it could not read: with ``-i`` that does not fail the job."""
    budget = request.options.error_budget
    if (failed := counters.copied("FAIL")) > budget:
        raise DistCpFailed(
            f"DistCp job {ref.application_id} says success, and {failed} files failed", remedy="Run it again"
        )
    if budget and not counters and not ref.needs_no_job:
        raise DistCpFailed(
            f"nobody tells how many files of DistCp job {ref.application_id} failed",
            remedy="An error_budget needs the cluster's JobHistory server: name it in the hadoop connection",
        )
    return failed


def _judge(report: TransferReport, ref: JobRef, found: Verification, unread: int, budget: int) -> None:
    """Notes what failed, and raises if that is too much."""
    missing = found.plan.missing
    report.failed = max(unread, found.count) + len(missing)
    report.failures = [
        *({"path": path, "error": str(error), "retryable": False} for path, error in missing[:_FAILURES_KEPT]),
        *({"path": path, "error": text, "retryable": True} for path, text in islice(found.found(), _FAILURES_KEPT)),
    ][:_FAILURES_KEPT]
    if report.failed <= budget:
        return
    if found.count:
        raise VerificationFailed(
            f"after DistCp job {ref.application_id or '(none was needed)'}, {'; '.join(found.problems(_SHOWN))}",
            remedy="The source may have changed while it was copied: run it again",
        )
    count = found.plan.files + len(missing)
    raise CopyFailed(f"{report.failed} of {count} files failed", missing[:_FAILURES_KEPT], report=report)


def _count(report: TransferReport, ref: JobRef, counters: Counters, plan: CopyPlan) -> None:
    report.directories, report.special, report.filtered = plan.directories, plan.special, plan.filtered
    if ref.needs_no_job:
        report.skipped = plan.files
    elif counters:
        report.files, report.bytes = counters.copied("COPY"), counters.copied("BYTESCOPIED")
        report.skipped = max(0, plan.files - report.files - report.failed + len(plan.missing))
    else:
        report.files, report.bytes = plan.files, plan.bytes


def _write(receipt: Receipt | None, report: TransferReport) -> None:
    """Writes the receipt; what keeps it from being written must not hide why a copy failed."""
    if receipt is None:
        return
    failed = sys.exc_info()[0] is not None
    try:
        receipt.write()
    except DatamoveError as error:
        if not failed:
            raise
        report.details["receipt"] = f"not written: {error}"


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
    return f"{by}, checksum by DistCp" if compared_by_distcp(ref.schemes) else by
