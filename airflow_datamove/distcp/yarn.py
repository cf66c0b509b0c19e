"""The resource manager: which jobs run, how far one is, and how to end it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_datamove.distcp.attempts import failed_attempts
from airflow_datamove.distcp.counters import Counters, many
from airflow_datamove.distcp.rest import NoAnswer, Rest

# A tag of ours has 41 characters, and gateways take 8 KiB for a request's head.
_TAGS_AT_ONCE = 100
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
    def succeeded(self) -> bool:
        """True if it ended well."""
        return self.ended and self.final_status == "SUCCEEDED"

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
        """Asks for what costs nothing, and that nobody else answers."""
        _of(self._rest.get("/ws/v1/cluster/info"), "clusterInfo")

    def tagged(self, tags: Sequence[str]) -> list[App]:
        """The MapReduce applications that have one of these tags, oldest first; those that ended as well, as long as
        the resource manager remembers them. One request for a hundred tags."""
        wanted = sorted({tag.lower() for tag in tags})
        found: dict[str, App] = {}
        for start in range(0, len(wanted), _TAGS_AT_ONCE):
            some = wanted[start : start + _TAGS_AT_ONCE]
            answer = self._rest.get(
                "/ws/v1/cluster/apps",
                applicationTags=",".join(some),
                applicationTypes="MAPREDUCE",
                # Half of an answer, and of no use here.
                deSelects="resourceRequests",
            )
            _of(answer, "apps")
            found.update((app.id, app) for app in apps_of(answer) if not set(app.tags).isdisjoint(some))
        return sorted(found.values(), key=_age)

    def active(self, tag: str) -> list[App]:
        """The MapReduce applications of a tag that have not ended, oldest first."""
        return [app for app in self.tagged([tag]) if not app.ended]

    def app(self, application_id: str) -> App | None:
        """An application; ``None`` if the resource manager does not know it (any more)."""
        answer = self._rest.find(f"/ws/v1/cluster/apps/{application_id}")
        return None if answer is None else _app(_of(answer, "app"))

    def counters(self, app: App) -> Counters:
        """The counters of a running application, from its master; empty if it has none to give."""
        return Counters(self._rest.get(f"{_job_of(app)}/counters"))

    def troubles(self, app: App) -> list[str]:
        """What the attempts say that have failed so far in a running application; its master tries most again."""
        answer = self._rest.get(_job_of(app))
        job = answer.get("job") if isinstance(answer, dict) else None
        failed = int(job.get("failedMapAttempts") or 0) if isinstance(job, dict) else 0
        return failed_attempts(self._rest, _job_of(app)) if failed else []

    def folders(self, app: App) -> list[str]:
        """URIs of what a running application keeps in the cluster's staging folder: its own files, DistCp's list."""
        answer = self._rest.get(f"{_job_of(app)}/conf")
        conf = answer.get("conf") if isinstance(answer, dict) else None
        properties = {
            each.get("name"): str(each.get("value") or "")
            for each in many(conf.get("property") if isinstance(conf, dict) else None)
        }
        default = properties.get("fs.defaultFS", "").rstrip("/")
        folders = [properties.get(name, "") for name in ("distcp.meta.folder", "mapreduce.job.dir")]
        return [f"{default if folder.startswith('/') else ''}{folder}" for folder in folders if folder]

    def kill(self, application_id: str) -> bool:
        """Asks for an application's end; True if it has ended or is unknown, False if that is still to come."""
        status, answer = self._rest.put(f"/ws/v1/cluster/apps/{application_id}/state", {"state": "KILLED"})
        if status != 404:
            _of(answer, "state")
        return status != 202

    def end_after(self, application_id: str, seconds: float) -> None:
        """Lets the resource manager kill an application then, unless it is told another time before (YARN's
        ``LIFETIME``, since Hadoop 2.9)."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(time.time() + seconds))
        timeout = {"timeout": {"type": "LIFETIME", "expiryTime": when}}
        self._rest.put(f"/ws/v1/cluster/apps/{application_id}/timeout", timeout)


def _of(answer: Any, key: str) -> Any:
    """What a resource manager's answer has under the key that such an answer always has.

    :raises NoAnswer: if it is somebody else's: without it "no such job" would be read into whatever answers.
    """
    if not isinstance(answer, dict) or key not in answer:
        raise NoAnswer(f"what answers is no resource manager: it tells no {key!r}")
    return answer[key]


def _job_of(app: App) -> str:
    """Where a running job's master answers: through the resource manager's proxy."""
    return f"/proxy/{app.id}/ws/v1/mapreduce/jobs/{app.job_id}"


def _app(values: Any) -> App:
    values = values if isinstance(values, dict) else {}
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
