"""What a killed job leaves behind, swept by the job's id so that nobody else's files are touched."""

from __future__ import annotations

import itertools
import logging

from airflow_datamove.address import Address
from airflow_datamove.errors import DatamoveError
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind
from airflow_datamove.stores.registry import open_store

_log = logging.getLogger(__name__)
# A listing beyond this is no longer cheap; what stays is named by its job and harms nobody.
_MOST_ENTRIES = 100_000


def temporary_prefix(job_id: str) -> str:
    """How the names of a job's temporary files begin (``RetriableFileCopyCommand.getTempFile``)."""
    return f".distcp.tmp.attempt_{job_id.removeprefix('job_')}_"


def sweep(destination: Address, job_id: str, connections: Connections) -> int:
    """Deletes a job's temporary files: in the destination (a directory's) and beside it (a lone file's).

    :return: how many. What cannot be listed or deleted is left and logged: the job is over all the same.
    """
    prefix = temporary_prefix(job_id)
    base = destination.path.rstrip("/")
    swept = 0
    with open_store(destination, connections) as store:
        for directory in dict.fromkeys((base or "/", base.rpartition("/")[0] or "/")):
            try:
                for entry in itertools.islice(store.list(directory), _MOST_ENTRIES):
                    if entry.kind is Kind.FILE and entry.name.startswith(prefix):
                        store.delete(entry.path)
                        swept += 1
            except DatamoveError as error:
                _log.info("Looking for what job %s left in %s: %s", job_id, directory, error)
    return swept
