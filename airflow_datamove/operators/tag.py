"""By what a task's DistCp job is found again: :func:`tag_of`."""

from __future__ import annotations

import hashlib


def tag_of(dag_id: str, run_id: str, task_id: str, map_index: int | None, max_tries: int) -> str:
    """The YARN tag of a task instance: the same for each of its tries, on whatever machine, until it is cleared.

    :param max_tries: what Airflow raises when a task is cleared (``clear_task_instances``: tries so far plus retries),
        and at no other time.
    """
    key = "\0".join((dag_id, run_id, task_id, str(map_index), str(max_tries)))
    return f"datamove-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
