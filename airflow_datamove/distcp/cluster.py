"""What the ``hadoop`` connection says of a cluster: :class:`Cluster`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from airflow_datamove.distcp.rest import Access
from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection

_MAIN = "org.apache.hadoop.tools.DistCp"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster's client, resource managers and history servers are, and as whom they are asked."""

    connection_id: str
    command: tuple[str, ...]
    """The words that run DistCp; its arguments follow. With ``class_path`` instead: none."""
    resource_managers: tuple[str, ...]
    """URLs; with high availability one of them is active."""
    history_servers: tuple[str, ...] = ()
    """URLs; without one, counters are not known and a report rests on the listings alone."""
    conf_dir: str = ""
    """``HADOOP_CONF_DIR`` of the client."""
    user: str = ""
    """Hadoop user name, where nobody has to prove it."""
    queue: str = ""
    """YARN queue for requests that name none."""
    ssh_conn_id: str = ""
    """Connection of the edge node on which the client runs; empty: it runs here."""
    class_path: str = ""
    """Where Hadoop's jars are, if there is no command."""
    kerberos: bool = False
    principal: str = ""
    """Who asks, in a secure cluster; empty: the ticket cache's default."""
    keytab: str = ""
    """A file of this machine with the principal's key; empty: somebody else renews a ticket cache."""
    verify: bool | str = True
    """Whether certificates are verified, or a file of those that are believed."""

    @classmethod
    def of(cls, connection: Connection) -> Cluster:
        """Reads a connection of type ``hadoop``.

        Its login is the Hadoop user; its extra has ``command`` (a ``hadoop`` client, with its own words) or
        ``class_path``, and ``conf_dir``, ``resource_manager``, ``history_server`` (URLs, several separated by
        commas), ``queue``, ``ssh_conn_id``; for a secure cluster ``principal`` and ``keytab``, or ``kerberos`` alone
        where a ticket cache is kept; ``verify`` (false, or a file of certificates).

        :raises WrongUse: if it is of another type; if the resource manager or the client is missing, or a keytab's
            principal.
        """
        values = {key: str(value).strip() for key, value in connection.extra.items() if value is not None}
        managers = _urls(values.get("resource_manager", ""))
        if not managers and connection.type != "hadoop":
            raise WrongUse(
                f"connection {connection.id!r} is of type {connection.type!r}, and not 'hadoop'",
                remedy="Name the connection of a cluster that runs DistCp",
            )
        if not managers:
            raise WrongUse(
                f"connection {connection.id!r} names no resource manager",
                remedy='Put "resource_manager": "http://host:8088" into its extra',
            )
        if not values.get("command") and not values.get("class_path"):
            raise WrongUse(
                f"connection {connection.id!r} names no Hadoop client",
                remedy='Put "command": "/opt/hadoop/bin/hadoop" or a "class_path" into its extra',
            )
        if values.get("keytab") and not values.get("principal"):
            raise WrongUse(
                f"connection {connection.id!r} has a keytab and no principal",
                remedy='Put "principal": "name@REALM" into its extra',
            )
        kerberos = bool(values.get("keytab")) or values.get("kerberos", "").lower() in ("true", "1")
        return cls(
            connection.id,
            (*shlex.split(values["command"]), "distcp") if values.get("command") else (),
            managers,
            _urls(values.get("history_server", "")),
            values.get("conf_dir", ""),
            "" if kerberos else connection.login,
            values.get("queue", ""),
            values.get("ssh_conn_id", ""),
            values.get("class_path", ""),
            kerberos,
            values.get("principal", "") if kerberos else "",
            values.get("keytab", ""),
            {"": True, "true": True, "false": False}.get(values.get("verify", "").lower(), values.get("verify", "")),
        )

    @property
    def access(self) -> Access:
        """As whom the daemons are asked."""
        return Access(self.user, self.kerberos, self.principal, self.keytab, self.verify)

    def words(self, jar: str = "") -> list[str]:
        """The words that run DistCp.

        :param jar: a jar for the class path, which a ``command`` takes from ``HADOOP_CLASSPATH`` instead.
        """
        if self.command:
            return list(self.command)
        class_path = ":".join(filter(None, (self.conf_dir, self.class_path, jar)))
        return ["java", "-Dhadoop.root.logger=INFO,console", "-cp", class_path, _MAIN]


def _urls(text: str) -> tuple[str, ...]:
    urls = (each.strip().rstrip("/") for each in text.split(","))
    return tuple(url if "://" in url else f"http://{url}" for url in urls if url)
