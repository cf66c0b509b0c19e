"""A task's patience with a cluster that is away: a resource manager takes some time to start or to fail over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.errors import ClusterUnavailable, TrackingLost

_SECONDS = 30.0
_PAUSE = 2.0


def find_cluster(job: DistCpJob, cancelled: threading.Event, *, first_try: bool) -> None:
    """Makes sure that there is a cluster; at a later try the resource manager alone, since a job of an earlier one is
    joined without a client, be it gone or its edge node away.

    :raises ClusterUnavailable: if there is none for half a minute: final at the first try, nothing was submitted.
    :raises TrackingLost: later: a job of an earlier try may be running, and must be joined once the cluster answers.
    """
    if not first_try:
        with having_found_cluster():
            job.ping()
        return
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            job.check()
            return
        except ClusterUnavailable:
            if time.monotonic() > deadline or cancelled.wait(_PAUSE):
                raise


@contextmanager
def having_found_cluster() -> Iterator[None]:
    """For a cluster that was there a moment ago: that it is away now is not final.

    :raises TrackingLost: instead of ClusterUnavailable.
    """
    try:
        yield
    except ClusterUnavailable as error:
        raise TrackingLost(error.message, remedy=error.remedy) from error
