"""Running the Hadoop client here: it lists the source, submits the job, and ends; the job goes on without it."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.plan import Command
from airflow_datamove.errors import ClusterUnavailable, Refused

_APPLICATION = re.compile(r"Submitted application (application_\d+_\d+)")
_JOB = re.compile(r"(?:DistCp job-id: |Running job: )job_(\d+_\d+)")
# Linux takes 128 KiB for one argument and about 2 MiB for all; beyond this the sources go into a file.
_LONGEST_COMMAND = 96 * 1024
_LINES_KEPT = 400
_SECONDS_TO_END = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a client."""

    application_id: str
    """Empty if its output names none."""
    code: int
    output: str
    """The last lines."""


def run_client(cluster: Cluster, command: Command, *, cancelled: threading.Event | None = None) -> Outcome:
    """Runs the client to its end, which is when the job is submitted.

    It has a process group of its own, which is killed when ``cancelled`` is set and when anything is raised here; and
    where ``setpriv`` is at hand it does not outlive this process, because a client that still lists the source after
    its task has died could submit a second job beside the retry's.

    :raises ClusterUnavailable: if it cannot be started.
    :raises Refused: if a name cannot be given to it.
    """
    with _arguments(command) as arguments:
        try:
            process = subprocess.Popen(
                [*_tied_to_us(), *_with_jar(cluster.command, command.jar), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_environment(cluster, command.jar),
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise ClusterUnavailable(
                f"the Hadoop client {cluster.command[0]!r} cannot be started: {error.strerror}"
            ) from error
        reader = _Reader(process)
        try:
            while reader.is_alive() or process.poll() is None:
                if cancelled is not None and cancelled.is_set():
                    break
                reader.join(0.1)
        finally:
            _end(process)
            reader.join(_SECONDS_TO_END)
        return Outcome(reader.application_id, process.returncode, "\n".join(reader.lines))


class _Reader(threading.Thread):
    """Reads the client's output, so that its pipe never fills up, and keeps what matters."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(name="distcp-client", daemon=True)
        self.application_id = ""
        self.lines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self._process = process
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip()[:2000])
            if match := _APPLICATION.search(line):
                self.application_id = match[1]
            elif not self.application_id and (match := _JOB.search(line)):
                self.application_id = f"application_{match[1]}"


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the client's whole group: asked first, then killed; harmless if it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None and number == signal.SIGTERM:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)


def _tied_to_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _with_jar(words: tuple[str, ...], jar: Path | None) -> list[str]:
    """The client's words, with a jar on the class path where they name one."""
    if jar is None or "-cp" not in words:
        return list(words)
    at = words.index("-cp") + 1
    return [*words[:at], f"{words[at]}:{jar}", *words[at + 1 :]]


def _environment(cluster: Cluster, jar: Path | None) -> dict[str, str]:
    # Airflow's variables hold connections and their secrets; Java would write Unicode names as question marks in any
    # locale but a UTF-8 one; the lines that name the job are logged at INFO.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment |= {"LC_ALL": "C.UTF-8", "HADOOP_ROOT_LOGGER": "INFO,console"}
    if jar is not None:
        environment["HADOOP_CLASSPATH"] = ":".join(filter(None, (environment.get("HADOOP_CLASSPATH"), str(jar))))
    if cluster.conf_dir:
        environment["HADOOP_CONF_DIR"] = cluster.conf_dir
    if cluster.user:
        environment["HADOOP_USER_NAME"] = cluster.user
    return environment


@contextlib.contextmanager
def _arguments(command: Command) -> Iterator[list[str]]:
    arguments = command.arguments
    if sum(len(os.fsencode(each)) + 1 for each in arguments) <= _LONGEST_COMMAND:
        yield arguments
        return
    if any("\n" in source or "\r" in source for source in command.sources):
        raise Refused("a line break in a name cannot stand in DistCp's list of sources", remedy="Take the worker route")
    with tempfile.TemporaryDirectory(prefix="distcp-") as folder:
        file = Path(folder) / "sources"
        file.write_text("".join(f"{source}\n" for source in command.sources), encoding="utf-8")
        yield [*command.options, "-f", file.as_uri(), command.target]
