"""A Hadoop client on an edge node, over SSH: files go there by SFTP, and the client ends with the channel."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.invocation import script_of
from airflow_datamove.distcp.launcher import Outcome, Transcript
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.tether import BEAT, SECONDS_TO_END
from airflow_datamove.distcp.ticket import ticket_of
from airflow_datamove.errors import ClusterUnavailable, StoreError
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.sftp_login import connect

if TYPE_CHECKING:
    from paramiko import Channel, SFTPClient, SSHClient

_LOOK = 0.1
_PIECE = 2**16


class SshLauncher:
    """Runs the client on another machine; see :class:`Launcher`.

    :param edge: a connection of type ``ssh``, with the fields of Airflow's SSH provider (:func:`sftp_login.connect`).
    """

    def __init__(self, cluster: Cluster, edge: Connection) -> None:
        self._cluster, self._edge = cluster, edge

    def check(self) -> None:
        """See :meth:`Launcher.check`."""
        program = self._cluster.words()[0]
        with self._logged_in() as client, self._speaking():
            _, output, _ = client.exec_command(f"command -v {shlex.quote(program)}", timeout=30)
            missing = output.channel.recv_exit_status() != 0
        if missing:
            raise ClusterUnavailable(
                f"the Hadoop client {program!r} of connection {self._cluster.connection_id!r} is not on"
                f" {self._edge.host}",
                remedy="Install it there, or correct the connection's extra",
            )

    def run(
        self,
        command: Command,
        *,
        cancelled: threading.Event | None = None,
        submitted: Callable[[str], object] | None = None,
    ) -> Outcome:
        """See :meth:`Launcher.run`."""
        folder = f"/tmp/datamove-client-{uuid.uuid4().hex}"
        ticket = ticket_of(self._cluster)
        with self._logged_in() as client:
            with self._speaking(), client.open_sftp() as sftp:
                sftp.mkdir(folder, 0o700)

                def place(name: str, content: Path | bytes) -> str:
                    _put(sftp, f"{folder}/{name}", content)
                    return f"{folder}/{name}"

                try:
                    text = script_of(self._cluster, command, folder, place, ticket)
                    script = place("client.sh", text.encode("utf-8", "surrogateescape"))
                except BaseException:
                    _remove(sftp, folder)
                    raise
                transport = client.get_transport()
                assert transport is not None
                channel = transport.open_session()
                channel.set_combine_stderr(True)
                channel.exec_command(f"bash {script}")
            return _follow(channel, cancelled, submitted)

    @contextlib.contextmanager
    def _logged_in(self) -> Iterator[SSHClient]:
        try:
            client = connect(self._edge)
        except StoreError as error:
            # A node that is away for a while, or an account that is locked for a while, ends nobody's job.
            raise ClusterUnavailable(
                f"the edge node of connection {self._cluster.connection_id!r}, by ssh connection {self._edge.id!r}:"
                f" {error.message.replace('SFTP', 'SSH', 1)}",
                remedy=error.remedy,
            ) from None
        try:
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        """What goes wrong before the client runs, in our words."""
        import paramiko

        try:
            yield
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ClusterUnavailable(
                f"the Hadoop client cannot be started on {self._edge.host} ({type(error).__name__})",
                remedy=f"Look whether the login of {self._edge.id!r} may run commands, use SFTP, and write to /tmp",
            ) from None


def _follow(channel: Channel, cancelled: threading.Event | None, submitted: Callable[[str], object] | None) -> Outcome:
    """Reads the client's output to its end. If the channel breaks off, nobody knows what the client did before."""
    import paramiko

    transcript, rest = Transcript(submitted), b""
    beaten, ending = time.monotonic(), 0.0
    channel.settimeout(_LOOK)
    try:
        while True:
            try:
                piece = channel.recv(_PIECE)
                *lines, rest = (rest + piece).split(b"\n")
                for line in [*lines, *([rest] if not piece else [])]:
                    transcript.take(line.decode("utf-8", errors="replace"))
                transcript.tell()
                if not piece:
                    break
            except TimeoutError:
                pass
            now = time.monotonic()
            if not ending and cancelled is not None and cancelled.is_set():
                # The end of its stdin ends the client.
                channel.shutdown_write()
                ending = now
            elif ending and now - ending > SECONDS_TO_END + 2:
                return transcript.outcome(None)
            elif not ending and now - beaten > BEAT:
                beaten = now
                channel.sendall(b"\n")
        code = channel.recv_exit_status()
    except (paramiko.SSHException, OSError, EOFError):
        return transcript.outcome(None)
    return transcript.outcome(code if code >= 0 else None)


def _put(sftp: SFTPClient, path: str, content: Path | bytes) -> None:
    if isinstance(content, Path):
        sftp.put(str(content), path)
    else:
        with sftp.open(path, "wb") as file:
            file.write(content)
    sftp.chmod(path, 0o600)


def _remove(sftp: SFTPClient, folder: str) -> None:
    with contextlib.suppress(OSError, EOFError):
        for name in sftp.listdir(folder):
            sftp.remove(f"{folder}/{name}")
        sftp.rmdir(folder)
