"""A Kerberos ticket of one client's own, from the keytab that the connection names."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.errors import ClusterUnavailable

_SECONDS = 30.0


def ticket_of(cluster: Cluster) -> bytes:
    """The content of a fresh ticket cache; empty where the connection has no keytab.

    The key itself stays on this machine: a client elsewhere gets the ticket, which is good for hours.

    :raises ClusterUnavailable: if the key distribution centre gives none.
    """
    if not cluster.keytab:
        return b""
    with tempfile.TemporaryDirectory(prefix="distcp-") as folder:
        cache = Path(folder) / "ticket"
        # A keytab is a file: no secret stands in the command line.
        command = ["kinit", "-c", f"FILE:{cache}", "-k", "-t", cluster.keytab, cluster.principal]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
            return cache.read_bytes()
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode("utf-8", errors="replace").strip()[:300]
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = type(error).__name__
    raise ClusterUnavailable(
        f"no Kerberos ticket for {cluster.principal}: {reason}",
        remedy=f"Look at the keytab of connection {cluster.connection_id!r}, and at krb5.conf",
    )
