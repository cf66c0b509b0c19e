"""As much of Airflow's REST API as the quickstart needs; any HTTP client would do."""

from __future__ import annotations

from typing import Any

import requests


class AirflowApi:
    """Airflow's public API, logged in.

    :param url: of the API server.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = url
        self._login = {"username": username, "password": password}
        self._session = requests.Session()
        self._log_in()

    def dag_ids(self) -> set[str]:
        """The ids of the DAGs that can be triggered."""
        return {dag["dag_id"] for dag in self.get("/dags?limit=100")["dags"]}

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Posts a request, and returns its run's id.

        :raises requests.HTTPError: with Airflow's own words, if it is refused.
        """
        body = {"logical_date": None, "conf": conf}
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run."""
        return dict(self.get(f"/dags/{dag_id}/dagRuns/{run_id}"))

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        instances: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return instances

    def report(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """The report of a run, from whichever task copied."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries?xcom_key=report&map_index=-1")
        found["xcom_entries"] += self.get(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries?xcom_key=report&map_index=0"
        )["xcom_entries"]
        for entry in found["xcom_entries"]:
            where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{entry['task_id']}/xcomEntries/report"
            value = self.get(f"{where}?map_index={entry['map_index']}&deserialize=true")["value"]
            return dict(value)
        return None

    def progress(self, dag_id: str, run_id: str) -> dict[str, int]:
        """What a worker's copy last told of itself: `bytes_done`, `bytes`, ...; empty as long as it told nothing."""
        where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/copy/state-store/progress"
        return dict((self._find(where) or {}).get("value") or {})

    def yarn_application(self, dag_id: str, run_id: str) -> str:
        """The id of the YARN application that copies for a run; empty as long as there is none."""
        task = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/distcp"
        found = self._find(f"{task}/xcomEntries/_link_YarnApplicationLink?map_index=0&deserialize=true") or {}
        return str(found.get("value") or "").rpartition("/")[2]

    def end_unfinished(self, dag_id: str) -> int:
        """Fails the runs of a DAG that have not ended, and says how many there were."""
        found = self.get(f"/dags/{dag_id}/dagRuns?state=queued&state=running&limit=100")["dag_runs"]
        for run in found:
            self._call("PATCH", f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}", json={"state": "failed"})
        return len(found)

    def get(self, path: str) -> Any:
        """Any answer of the API."""
        return self._call("GET", path)

    def _find(self, path: str) -> Any:
        """Any answer of the API, or None where there is nothing (yet)."""
        try:
            return self.get(path)
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code == 404:
                return None
            raise

    def _log_in(self) -> None:
        answer = self._session.post(f"{self._url}/auth/token", json=self._login, timeout=30)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._session.request(method, f"{self._url}/api/v2{path}", timeout=60, **arguments)
        if answer.status_code == 401:
            self._log_in()
            answer = self._session.request(method, f"{self._url}/api/v2{path}", timeout=60, **arguments)
        if not answer.ok:
            raise requests.HTTPError(f"{answer.status_code} {method} {path}: {answer.text[:500]}", response=answer)
        return answer.json() if answer.content else None
