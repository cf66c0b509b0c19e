"""A copy by DistCp for those who wait for its end: :func:`run_to_end`."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping

from airflow_datamove.address import Address
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.progress import JobProgress
from airflow_datamove.distcp.sizing import DEFAULT_RATE, enough_work, size_job
from airflow_datamove.distcp.wait import wait_for_end
from airflow_datamove.errors import TrackingLost
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.measure import measure_asked
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.progress import Progress


def run_to_end(
    source: Address,
    destination: Address,
    connections: Connections,
    options: CopyOptions | None = None,
    *,
    hadoop: str,
    progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    reason: str = "",
    maps: int | None = None,
    bandwidth: int | None = None,
    queue: str = "",
    tag: str = "",
    properties: Mapping[str, str] | None = None,
    poll_seconds: float = 1.0,
    allow_local: bool = False,
) -> TransferReport:
    """Copies by DistCp and waits for the end.

    :param hadoop: id of the connection of type ``hadoop``.
    :param progress: called on this thread after each look at the job.
    :param cancelled: once it is set, the job is killed.
    :param maps: maps that run at the same time, at most.
    :param bandwidth: bytes per second of each map. By default both follow from ``options.rate``, else 100 MiB/s.
    :param tag: to join a job of an earlier call; by default one of its own.
    :raises Cancelled: if that was asked for.
    :raises DatamoveError: see :class:`DistCpJob`.
    """
    options = options or CopyOptions()
    job = DistCpJob(connections.get(hadoop), connections, allow_local=allow_local)
    if tag:
        job.ping()
    else:
        job.check()
    rate = options.rate or DEFAULT_RATE
    if maps is None:
        files, size = enough_work(1, rate)
        with open_store(source, connections) as store:
            measure = measure_asked(store, source, options, connections, enough_bytes=size, enough_files=files)
        maps, fitting = size_job(measure.files, measure.bytes, 1, rate)
    else:
        fitting = max(1, rate // maps)
    request = DistCpRequest(
        source,
        destination,
        options,
        tag=tag or f"datamove-{uuid.uuid4().hex}",
        name=f"datamove {source} -> {destination}",
        maps=maps,
        bandwidth=bandwidth or fitting,
        queue=queue,
        properties=properties or {},
    )
    stop = cancelled or threading.Event()
    ref = job.submit(request, cancelled=stop)
    try:
        wait_for_end(job, ref, poll_seconds, stop, lambda state: progress(_as_progress(state)) if progress else None)
    except TrackingLost:
        raise
    except BaseException:
        job.kill(ref)
        raise
    return job.result(ref, request, reason=reason)


def _as_progress(state: JobProgress) -> Progress:
    files, size = state.files_total or 0, state.bytes_total or 0
    return Progress(files if state.succeeded else 0, files, min(state.bytes_done, size) if size else 0, size, 0.0)
