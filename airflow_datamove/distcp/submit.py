"""The worker's own Hadoop client: it lists the source, submits the job, and ends; the job goes on without it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.invocation import script_of
from airflow_datamove.distcp.launcher import Outcome, Transcript
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.tether import BEAT, SECONDS_TO_END
from airflow_datamove.distcp.ticket import ticket_of
from airflow_datamove.errors import ClusterUnavailable


class LocalLauncher:
    """Runs the client on this machine, tied to this process; see :class:`Launcher`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def check(self) -> None:
        """See :meth:`Launcher.check`."""
        program = self._cluster.words()[0]
        if shutil.which(program) is None:
            raise ClusterUnavailable(
                f"the Hadoop client {program!r} of connection {self._cluster.connection_id!r} is not on this machine",
                remedy="Install it here, or correct the connection's extra",
            )

    def run(
        self,
        command: Command,
        *,
        cancelled: threading.Event | None = None,
        submitted: Callable[[str], object] | None = None,
    ) -> Outcome:
        """See :meth:`Launcher.run`."""
        self.check()
        folder = Path(tempfile.mkdtemp(prefix="distcp-"))

        def place(name: str, content: Path | bytes) -> str:
            if isinstance(content, Path):
                return str(content.absolute())
            (folder / name).write_bytes(content)
            return str(folder / name)

        try:
            text = script_of(self._cluster, command, str(folder), place, ticket_of(self._cluster))
            script = place("client.sh", text.encode("utf-8", "surrogateescape"))
            return _run(script, cancelled, submitted)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _run(script: str, cancelled: threading.Event | None, submitted: Callable[[str], object] | None) -> Outcome:
    # Airflow's variables hold connections and their secrets.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    try:
        process = subprocess.Popen(
            ["bash", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise ClusterUnavailable(
            f"bash, in which the Hadoop client runs, cannot be started: {error.strerror}"
        ) from error
    reader = _Reader(process, submitted)
    beaten = time.monotonic()
    try:
        while reader.is_alive() or process.poll() is None:
            if cancelled is not None and cancelled.is_set():
                break
            reader.join(0.1)
            reader.transcript.tell()
            if time.monotonic() - beaten > BEAT:
                beaten = time.monotonic()
                _beat(process)
    finally:
        _end(process)
        reader.join(SECONDS_TO_END)
    return reader.transcript.outcome(process.returncode)


class _Reader(threading.Thread):
    """Reads the client's output, so that its pipe never fills up."""

    def __init__(self, process: subprocess.Popen[bytes], submitted: Callable[[str], object] | None) -> None:
        super().__init__(name="distcp-client", daemon=True)
        self.transcript = Transcript(submitted)
        self._process = process
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.transcript.take(line.decode("utf-8", errors="replace"))


def _beat(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.write(b"\n")
        process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Lets go of the tether, which ends the client's whole group; harmless if it is gone."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_END + 2)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS_TO_END)
