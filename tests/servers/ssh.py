"""SSH: the edge node of a cluster, on which a login may run commands and move files. Otherwise as `sftp`."""

from __future__ import annotations

from tests.servers.server import Place, Plan
from tests.servers.sftp import plan_sshd

PORTS = ("ssh",)


def plan(place: Place) -> Plan:
    """Make the keys (once), write the configuration, and say what to start."""
    return plan_sshd(place, "ssh", {"Subsystem": "sftp internal-sftp"})
