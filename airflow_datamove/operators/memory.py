"""What a try of a DistCp task leaves for the next one, in Airflow's task state store.

YARN remembers a thousand jobs that have ended, everyone's. The JobHistory server keeps them for days, but finds none by
its tag: so the job's id is kept here.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context

from airflow_datamove.distcp.progress import JobRef

_KEY = "distcp"
_log = logging.getLogger(__name__)


def remember(context: Context, ref: JobRef) -> None:
    """Keeps a job that was submitted; where that fails, YARN's memory has to do."""
    try:
        _store(context).set(_KEY, ref.to_dict())
    except Exception as error:  # whatever keeps it from being kept must not end the job
        _log.warning("The job's id could not be kept: %s", error)


def remembered(context: Context, tag: str) -> JobRef | None:
    """The job of an earlier try, unless the task has been cleared since: then the tag differs."""
    try:
        kept = _store(context).get(_KEY)
        ref = JobRef.from_dict(kept) if isinstance(kept, dict) else None
    except Exception as error:
        _log.warning("Whether an earlier try has submitted a job cannot be looked up: %s", error)
        return None
    return ref if ref is not None and ref.tag == tag else None


def _store(context: Context) -> Any:
    return context["task_state_store"]
