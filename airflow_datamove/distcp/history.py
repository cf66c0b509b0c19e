"""The JobHistory server: what a job counted, why its tasks failed. It keeps jobs that the resource manager forgot."""

from __future__ import annotations

from typing import Any

from airflow_datamove.distcp.attempts import failed_attempts
from airflow_datamove.distcp.counters import Counters
from airflow_datamove.distcp.rest import Rest

_JOBS = "/ws/v1/history/mapreduce/jobs"


class HistoryServer:
    """A cluster's JobHistory server. Every question raises ``NoAnswer`` if nobody answers within seconds."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def state(self, job_id: str) -> str:
        """How a job ended (``SUCCEEDED``, ``FAILED``, ``KILLED``, ``ERROR``); empty if it is not known here (yet)."""
        return str(self._job(job_id).get("state") or "")

    def diagnostics(self, job_id: str) -> str:
        """What the attempts of its failed tasks say, and then what the job says of its end."""
        texts = [*failed_attempts(self._rest, f"{_JOBS}/{job_id}"), str(self._job(job_id).get("diagnostics") or "")]
        return "\n".join(text for text in texts if text.strip())

    def counters(self, job_id: str) -> Counters:
        """A job's counters; empty if it is not known here (yet)."""
        return Counters(self._rest.find(f"{_JOBS}/{job_id}/counters"))

    def maps(self, job_id: str) -> int:
        """How many map tasks the job had."""
        return int(self._job(job_id).get("mapsTotal") or 0)

    def _job(self, job_id: str) -> dict[str, Any]:
        answer = self._rest.find(f"{_JOBS}/{job_id}")
        found = answer.get("job") if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else {}
