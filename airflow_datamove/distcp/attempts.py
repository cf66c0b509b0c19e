"""Why the tasks of a MapReduce job failed, in the one shape that the job's master and the JobHistory server give."""

from __future__ import annotations

from typing import Any

from airflow_datamove.distcp.counters import many
from airflow_datamove.distcp.rest import Rest

_TASKS_READ = 10
# A task that runs may have attempts that failed. One that was killed was so because another one failed.
_ORDER = {"FAILED": 0, "RUNNING": 1, "SCHEDULED": 1, "KILLED": 2}


def failed_attempts(rest: Rest, job: str) -> list[str]:
    """What the failed attempts of a job's tasks say, those of failed tasks first; of ten tasks at most.

    :param job: path of the job: ``/ws/v1/history/mapreduce/jobs/job_1_2``.
    :raises NoAnswer: if nobody answers within seconds.
    """
    tasks = [task for task in _list(rest, f"{job}/tasks", "tasks", "task") if task.get("state") in _ORDER]
    found = []
    for task in sorted(tasks, key=lambda task: _ORDER[str(task["state"])])[:_TASKS_READ]:
        for attempt in _list(rest, f"{job}/tasks/{task.get('id')}/attempts", "taskAttempts", "taskAttempt"):
            if attempt.get("state") in ("FAILED", "KILLED") and str(attempt.get("diagnostics") or "").strip():
                found.append((attempt.get("state") != "FAILED", str(attempt["diagnostics"])))
    return [text for _, text in sorted(found, key=lambda each: each[0])]


def _list(rest: Rest, path: str, outer: str, inner: str) -> list[dict[str, Any]]:
    answer = rest.find(path)
    found = answer.get(outer) if isinstance(answer, dict) else None
    return many(found.get(inner) if isinstance(found, dict) else None)
