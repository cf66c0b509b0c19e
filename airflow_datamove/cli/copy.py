"""``datamove copy SOURCE DESTINATION``: copies by the route that suits, and says what was done."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from airflow_datamove.cli.progress_bar import progress_bar
from airflow_datamove.cli.request import CopyArguments, add_arguments, read_arguments
from airflow_datamove.errors import Cancelled, CopyFailed
from airflow_datamove.quantity import counted, format_rate, format_size
from airflow_datamove.report import TransferReport
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.progress import Progress


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "copy",
        help=text,
        description="Connections are read from the variables AIRFLOW_CONN_<ID>, as Airflow writes them.",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    request = read_arguments(arguments)
    cancelled = threading.Event()
    with _cancelled_by_signals(cancelled), progress_bar() as progress:
        try:
            report = _carry_out(request, cancelled, progress)
        except (CopyFailed, Cancelled) as error:
            if arguments.json and isinstance(error.report, TransferReport):
                _write_json(error.report)
            if isinstance(error, Cancelled) and error.report is not None:
                error.remedy = "The same command again goes on with what is left"
            raise
    if arguments.json:
        _write_json(report)
    else:
        sys.stdout.write(f"{summary(report)}\n")
    return 0


def summary(report: TransferReport) -> str:
    """A report in one line."""
    parts = [f"{counted(report.files, 'file')} copied, {format_size(report.bytes)}"]
    parts += [f"in {report.seconds:.1f} s ({format_rate(report.rate)})"]
    details = [f"{report.skipped} skipped"] if report.skipped else []
    details += [f"{format_size(report.resumed)} were there already"] if report.resumed else []
    details += [f"{report.failed} failed"] if report.failed else []
    details += [f"{report.filtered} filtered out"] if report.filtered else []
    details += [f"{report.deleted} deleted"] if report.deleted else []
    details += (
        [f"{counted(report.special, 'symlink or special file', 'symlinks or special files')} left out"]
        if report.special
        else []
    )
    details += [f"route {report.route}"]
    details += [f"verified by {report.verified_by}"] if report.verified_by else []
    return f"{' '.join(parts)}; {', '.join(details)}"


def _carry_out(
    request: CopyArguments, cancelled: threading.Event, progress: Callable[[Progress], None] | None
) -> TransferReport:
    if request.may_need_cluster():
        decision, _ = request.measured()
        if decision.route is Route.DISTCP:
            from airflow_datamove.distcp.job import run_to_end

            return run_to_end(
                request.source,
                request.destination,
                request.connections,
                request.options,
                hadoop=request.hadoop,
                progress=progress,
                cancelled=cancelled,
                reason=decision.reason,
            )
    with prepare_copy(
        request.source, request.destination, request.connections, request.options, cancelled=cancelled
    ) as prepared:
        if not request.may_need_cluster():
            decision = request.decide(prepared.plan.files, prepared.plan.bytes, server_side=prepared.server_side)
        return prepared.carry_out(route=decision.route, reason=decision.reason, progress=progress, cancelled=cancelled)


def _write_json(report: TransferReport) -> None:
    sys.stdout.write(f"{json.dumps(report.to_dict())}\n")


@contextmanager
def _cancelled_by_signals(cancelled: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM cancel, so that only parts stay that another try can use; a second one does not wait."""

    def cancel(number: int, frame: FrameType | None) -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt
        cancelled.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
