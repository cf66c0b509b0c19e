"""The resource manager: which jobs run, how far one is, and how to end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_datamove.distcp.counters import Counters
from airflow_datamove.distcp.rest import Rest

_ACTIVE = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass(frozen=True, slots=True)
class App:
    """An application, as the resource manager tells of it."""

    id: str
    state: str
    """``YarnApplicationState``."""
    final_status: str
    """``UNDEFINED`` until it ended; then ``SUCCEEDED``, ``FAILED`` or ``KILLED``."""
    progress: float
    """0 to 100."""
    diagnostics: str
    tags: tuple[str, ...]
    """Lower-cased."""
    started: float
    """Seconds since the epoch."""
    finished: float
    """Seconds since the epoch; 0 while it runs."""

    @property
    def ended(self) -> bool:
        """True if nothing of it runs any more."""
        return self.state in _ENDED

    @property
    def job_id(self) -> str:
        """The MapReduce job's id: the same numbers with another prefix."""
        return job_id(self.id)


def job_id(application_id: str) -> str:
    """``job_1_2`` for ``application_1_2``."""
    return application_id.replace("application_", "job_", 1)


def apps_of(answer: Any) -> list[App]:
    """The applications in an answer, oldest first.

    An empty list is ``{"apps": {}}``, ``{"apps": null}`` or ``{"apps": ""}`` by version, and a single one may be an
    object instead of a list.
    """
    apps = answer.get("apps") if isinstance(answer, dict) else None
    found = apps.get("app") if isinstance(apps, dict) else None
    many = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    return sorted((_app(each) for each in many if isinstance(each, dict)), key=_age)


class ResourceManager:
    """A cluster's resource manager. Every question raises ``NoAnswer`` if nobody answers within seconds."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def ping(self) -> None:
        """Asks for what costs nothing."""
        self._rest.get("/ws/v1/cluster/info")

    def active(self, tag: str) -> list[App]:
        """The MapReduce applications of a tag that have not ended, oldest first."""
        answer = self._rest.get(
            "/ws/v1/cluster/apps",
            applicationTags=tag.lower(),
            applicationTypes="MAPREDUCE",
            states=",".join(_ACTIVE),
        )
        return [app for app in apps_of(answer) if tag.lower() in app.tags and not app.ended]

    def app(self, application_id: str) -> App | None:
        """An application; ``None`` if the resource manager does not know it (any more)."""
        answer = self._rest.get(f"/ws/v1/cluster/apps/{application_id}")
        found = answer.get("app") if isinstance(answer, dict) else None
        return _app(found) if isinstance(found, dict) else None

    def counters(self, app: App) -> Counters:
        """The counters of a running application, from its master; empty if it has none to give."""
        return Counters(
            self._rest.get(f"/proxy/{app.id}/ws/v1/mapreduce/jobs/{app.job_id}/counters")  # through the RM's proxy
        )

    def kill(self, application_id: str) -> bool:
        """Asks for an application's end; True if it has ended or is unknown, False if that is still to come."""
        status, _ = self._rest.put(f"/ws/v1/cluster/apps/{application_id}/state", {"state": "KILLED"})
        return status != 202


def _app(values: dict[str, Any]) -> App:
    tags = str(values.get("applicationTags") or "")
    return App(
        id=str(values.get("id") or ""),
        state=str(values.get("state") or ""),
        final_status=str(values.get("finalStatus") or "UNDEFINED"),
        progress=float(values.get("progress") or 0.0),
        diagnostics=str(values.get("diagnostics") or "").strip(),
        tags=tuple(tag.strip().lower() for tag in tags.split(",") if tag.strip()),
        started=float(values.get("startedTime") or 0) / 1000,
        finished=float(values.get("finishedTime") or 0) / 1000,
    )


def _age(app: App) -> tuple[float, int, int]:
    """When it was submitted; then its id's two numbers, for ids are not of one length.

    A client is given its id before it submits. Of two clients the one with the later id may submit first, and see no
    other job then: it must count as the older one for both.
    """
    _, start, number = ([*app.id.split("_"), "0", "0"])[:3]
    return (app.started, int(start), int(number)) if start.isdigit() and number.isdigit() else (app.started, 0, 0)
