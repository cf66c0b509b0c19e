"""The JobHistory server: what a job counted, why its tasks failed. It keeps jobs that the resource manager forgot."""

from __future__ import annotations

from typing import Any

from airflow_datamove.distcp.counters import Counters, many
from airflow_datamove.distcp.rest import Rest

_JOBS = "/ws/v1/history/mapreduce/jobs"
_FAILED_TASKS_READ = 5


class HistoryServer:
    """A cluster's JobHistory server. Every question raises ``NoAnswer`` if nobody answers within seconds."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def state(self, job_id: str) -> str:
        """How a job ended (``SUCCEEDED``, ``FAILED``, ``KILLED``, ``ERROR``); empty if it is not known here (yet)."""
        return str(self._job(job_id).get("state") or "")

    def diagnostics(self, job_id: str) -> str:
        """What the job says of its end, and then what the attempts of its failed tasks say, the first of them."""
        texts = [str(self._job(job_id).get("diagnostics") or "")]
        failed = [task for task in self._tasks(job_id) if task.get("state") in ("FAILED", "KILLED")]
        for task in failed[:_FAILED_TASKS_READ]:
            answer = self._rest.get(f"{_JOBS}/{job_id}/tasks/{task.get('id')}/attempts")
            attempts = answer.get("taskAttempts") if isinstance(answer, dict) else None
            for attempt in many(attempts.get("taskAttempt") if isinstance(attempts, dict) else None):
                texts.append(str(attempt.get("diagnostics") or ""))
        return "\n".join(text for text in texts if text.strip())

    def counters(self, job_id: str) -> Counters:
        """A job's counters; empty if it is not known here (yet)."""
        return Counters(self._rest.get(f"{_JOBS}/{job_id}/counters"))

    def maps(self, job_id: str) -> int:
        """How many map tasks the job had."""
        return int(self._job(job_id).get("mapsTotal") or 0)

    def _job(self, job_id: str) -> dict[str, Any]:
        answer = self._rest.get(f"{_JOBS}/{job_id}")
        found = answer.get("job") if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else {}

    def _tasks(self, job_id: str) -> list[dict[str, Any]]:
        answer = self._rest.get(f"{_JOBS}/{job_id}/tasks")
        tasks = answer.get("tasks") if isinstance(answer, dict) else None
        return many(tasks.get("task") if isinstance(tasks, dict) else None)
