"""What a killed job leaves behind, swept by the job's id so that nobody else's files are touched."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from airflow_datamove.address import Address
from airflow_datamove.distcp.uri import hadoop_uri
from airflow_datamove.errors import DatamoveError
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.registry import open_store

_log = logging.getLogger(__name__)
# A listing beyond this is no longer cheap; what stays is named by its job and harms nobody.
_MOST_ENTRIES = 100_000
_STAGING = re.compile(r"/\.staging/(_distcp-?\d+|job_\d+_\d+)$")


def temporary_prefix(job_id: str) -> str:
    """How the names of a job's temporary files begin (``RetriableFileCopyCommand.getTempFile``)."""
    return f".distcp.tmp.attempt_{job_id.removeprefix('job_')}_"


def sweep(destination: Address, job_id: str, connections: Connections) -> int:
    """Deletes a job's temporary files: in the destination (a directory's) and beside it (a lone file's).

    :return: how many. What cannot be reached, listed or deleted is left and logged: the job is over all the same.
    """
    try:
        with open_store(destination, connections) as store:
            return sum(_sweep(store, directory, job_id) for directory in _places(destination.path))
    except DatamoveError as error:
        _log.warning("What job %s left at %s is not swept: %s", job_id, destination, error)
        return 0


def _places(path: str) -> list[str]:
    base = path.rstrip("/")
    return list(dict.fromkeys((base or "/", base.rpartition("/")[0] or "/")))


def _sweep(store: Store, directory: str, job_id: str) -> int:
    prefix, swept = temporary_prefix(job_id), 0
    try:
        for entry in itertools.islice(store.list(directory), _MOST_ENTRIES):
            if entry.kind is Kind.FILE and entry.name.startswith(prefix):
                store.delete(entry.path)
                swept += 1
    except DatamoveError as error:
        _log.info("Looking for what job %s left in %s: %s", job_id, directory, error)
    return swept


def sweep_staging(folders: Iterable[str], ends: Iterable[Address], connections: Connections) -> int:
    """Deletes a job's folders in the cluster's staging folder, where one of the request's ends is on the same HDFS.

    :param folders: URIs, as the job itself named them while it ran.
    :return: how many. What cannot be deleted is left and logged.
    """
    swept = 0
    places = [end for end in ends if end.scheme == "hdfs"]
    for folder in folders:
        parts = urlsplit(folder)
        if not _STAGING.search(parts.path):
            continue
        for end in places:
            try:
                if hadoop_uri(end, parts.path, connections) == folder:
                    _delete_tree(end, parts.path, connections)
                    swept += 1
                    break
            except DatamoveError as error:
                _log.info("Sweeping %s: %s", folder, error)
    return swept


def _delete_tree(end: Address, path: str, connections: Connections) -> None:
    with open_store(end, connections) as store:
        if store.exists(path):
            for entry in reversed(list(store.walk(path))):
                store.delete(entry.path)
            store.delete(path)
