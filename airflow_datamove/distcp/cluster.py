"""What the ``hadoop`` connection says of a cluster: :class:`Cluster`."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass

from airflow_datamove.errors import ClusterUnavailable, WrongUse
from airflow_datamove.stores.connection import Connection

_MAIN = "org.apache.hadoop.tools.DistCp"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster's client, resource manager and history server are."""

    connection_id: str
    command: tuple[str, ...]
    """The words that run DistCp; its arguments follow."""
    resource_managers: tuple[str, ...]
    """URLs; with high availability one of them is active."""
    history_servers: tuple[str, ...] = ()
    """URLs; without one, counters are not known and a report rests on the listings alone."""
    conf_dir: str = ""
    """``HADOOP_CONF_DIR`` of the client."""
    user: str = ""
    """Hadoop user name."""
    queue: str = ""
    """YARN queue for requests that name none."""

    @classmethod
    def of(cls, connection: Connection) -> Cluster:
        """Reads a connection of type ``hadoop``.

        Its login is the Hadoop user; its extra has ``command`` (a ``hadoop`` client, with its own words) or
        ``class_path``, and ``conf_dir``, ``resource_manager``, ``history_server`` (URLs, several separated by
        commas), ``queue``.

        :raises WrongUse: if the resource manager or the client is missing.
        """
        values = {key: str(value).strip() for key, value in connection.extra.items()}
        managers = _urls(values.get("resource_manager", ""))
        if not managers:
            raise WrongUse(
                f"connection {connection.id!r} names no resource manager",
                remedy='Put "resource_manager": "http://host:8088" into its extra',
            )
        if values.get("command"):
            command = (*shlex.split(values["command"]), "distcp")
        elif values.get("class_path"):
            class_path = ":".join(filter(None, (values.get("conf_dir"), values["class_path"])))
            command = ("java", "-Dhadoop.root.logger=INFO,console", "-cp", class_path, _MAIN)
        else:
            raise WrongUse(
                f"connection {connection.id!r} names no Hadoop client",
                remedy='Put "command": "/opt/hadoop/bin/hadoop" or a "class_path" into its extra',
            )
        return cls(
            connection.id,
            command,
            managers,
            _urls(values.get("history_server", "")),
            values.get("conf_dir", ""),
            connection.login,
            values.get("queue", ""),
        )

    def check_client(self) -> None:
        """Makes sure that the client can be started.

        :raises ClusterUnavailable: if its command is not there.
        """
        if shutil.which(self.command[0]) is None:
            raise ClusterUnavailable(
                f"the Hadoop client {self.command[0]!r} of connection {self.connection_id!r} is not on this machine",
                remedy="Install it here, or correct the connection's extra",
            )


def _urls(text: str) -> tuple[str, ...]:
    urls = (each.strip().rstrip("/") for each in text.split(","))
    return tuple(url if "://" in url else f"http://{url}" for url in urls if url)
