"""How a Hadoop client is run, wherever that is: :class:`Launcher`, with what came of it, :class:`Outcome`.

A launcher puts the files where the client sees them, runs it, and ends it. Here are the worker's own client
(:mod:`submit`) and one on an edge node (:mod:`ssh`).
"""

from __future__ import annotations

import collections
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from airflow_datamove.distcp.plan import Command

_APPLICATION = re.compile(r"Submitted application (application_\d+_\d+)")
_JOB = re.compile(r"(?:DistCp job-id: |Running job: )job_(\d+_\d+)")
# Our own listing class asks YARN just before the job is submitted, and gives up in favour of a job that is there.
_JOINED = re.compile(r"datamove: joined (application_\d+_\d+)")
_LINES_KEPT = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a client."""

    application_id: str
    """Of the job that it submitted; empty if its output names none."""
    code: int | None
    """``None``: nobody heard its end, so it may have submitted a job."""
    output: str
    """The last lines."""
    joined: str = ""
    """Application of the same tag that was there first, for which it gave up."""


class Launcher(Protocol):
    """One way to run a client."""

    def check(self) -> None:
        """Makes sure that the client can be started.

        :raises ClusterUnavailable: if not.
        """

    def run(
        self,
        command: Command,
        *,
        cancelled: threading.Event | None = None,
        submitted: Callable[[str], object] | None = None,
    ) -> Outcome:
        """Runs the client to its end, which is when the job is submitted. It never outlives this process.

        :param cancelled: once it is set, the client is ended with all that it started.
        :param submitted: called on this thread as soon as the client names the application that it has submitted, while
            it still runs; it may take seconds.
        :raises ClusterUnavailable: if it cannot be started.
        :raises Refused: if a name cannot be given to it.
        """


class Transcript:
    """A client's output, of which what matters is kept.

    :param submitted: see :meth:`Launcher.run`.
    """

    def __init__(self, submitted: Callable[[str], object] | None = None) -> None:
        self._submitted = submitted
        self._application_id = self._joined = ""
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)

    def take(self, line: str) -> None:
        """Reads the next line."""
        self._lines.append(line.rstrip()[:2000])
        if match := _APPLICATION.search(line):
            self._application_id = match[1]
        elif not self._application_id and (match := _JOB.search(line)):
            self._application_id = f"application_{match[1]}"
        elif match := _JOINED.search(line):
            self._joined = match[1]

    def tell(self) -> None:
        """Tells of the application, once, if the client has named it."""
        if self._application_id and self._submitted is not None:
            submitted, self._submitted = self._submitted, None
            submitted(self._application_id)

    def outcome(self, code: int | None) -> Outcome:
        """What became of the client, which ended with this code."""
        return Outcome(self._application_id, code, "\n".join(self._lines), self._joined)
