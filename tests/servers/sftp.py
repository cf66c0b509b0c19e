"""SFTP: OpenSSH's sshd from Debian, for the user who starts it, with one key and nothing else.

It is a server of this checkout alone: what the machine has in /etc/ssh is neither read nor changed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.servers.port import HOST
from tests.servers.record import write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed
from tests.servers.stack import clean_environment, loopback

PORTS = ("sftp",)

# A plain user's PATH has no /usr/sbin.
_SBIN = f"{os.defpath}:/usr/sbin:/usr/local/sbin"

# Where Debian's sshd, when it is root's, goes before a login; it must be there, and is gone after a reboot.
_EMPTY = Path("/run/sshd")


# What a login may do: move files.
_FILES_ALONE = {"Subsystem": "sftp internal-sftp", "ForceCommand": "internal-sftp"}


def plan(place: Place) -> Plan:
    """Make the keys (once), write the configuration, and say what to start."""
    return plan_sshd(place, "sftp", _FILES_ALONE)


def plan_sshd(place: Place, name: str, allowed: Mapping[str, str]) -> Plan:
    """Plan a server of this name.

    :param allowed: the settings that say what a login may do.
    """
    sshd, port = _program("sshd"), place.ports[name]
    root = place.home / "data"
    root.mkdir(parents=True, exist_ok=True)
    host_key, key = _key(place.home / "host_key"), _key(place.home / "key")
    shutil.copyfile(f"{key}.pub", place.home / "authorized_keys")
    if os.geteuid() == 0:
        _EMPTY.mkdir(mode=0o755, exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    configuration = place.home / "sshd_config"
    write_file(configuration, _configuration(place.home, port, host_key, user, allowed), mode=0o600)
    public = Path(f"{host_key}.pub").read_text(encoding="ascii").strip()
    known = place.home / "known_hosts"
    write_file(known, f"[{HOST}]:{port} {public}\n")
    client = ["sftp", "-q", "-b", os.devnull, "-F", os.devnull, "-P", str(port), "-i", str(key)]
    client += ["-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}", f"{user}@{HOST}"]

    def ready() -> bool:
        outcome = subprocess.run(client, env=clean_environment(), capture_output=True, timeout=10, check=False)
        if outcome.returncode != 0:
            raise ConnectionError(outcome.stderr.decode("utf-8", errors="replace").strip())
        return True

    daemon = Daemon(
        name=name,
        # It starts itself anew for each login, so it wants its own full path; -e logs to stderr.
        argv=[sshd, "-D", "-e", "-f", str(configuration)],
        env=clean_environment(),
        address=loopback(port, name),
        ready=ready,
        seconds=20,
    )
    facts = {
        "host": HOST,
        "port": str(port),
        "user": user,
        "key_file": str(key),
        "host_key": public,
        "root": str(root),
    }
    return Plan(daemons=[daemon], facts=facts)


def _configuration(home: Path, port: int, host_key: Path, user: str, allowed: Mapping[str, str]) -> str:
    settings = {
        "ListenAddress": f"{HOST}:{port}",
        "HostKey": f'"{host_key}"',
        "PidFile": "none",
        "AuthorizedKeysFile": f'"{home / "authorized_keys"}"',
        # A checkout may lie in a folder that a group may write to.
        "StrictModes": "no",
        "AllowUsers": user,
        "PermitRootLogin": "prohibit-password",
        "AuthenticationMethods": "publickey",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        # PAM wants root, and an account that is not locked.
        "UsePAM": "no",
        "UseDNS": "no",
        **allowed,
        "DisableForwarding": "yes",
        "PermitTTY": "no",
        # Ten connections that are about to log in are the usual limit: many threads at once would be turned away.
        "MaxStartups": 200,
        "MaxSessions": 100,
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _key(path: Path) -> Path:
    """Make a pair of keys without a passphrase, if there is none."""
    if not Path(f"{path}.pub").exists():
        path.unlink(missing_ok=True)
        command = [_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise StartFailed(f"{name} is not here: tests/servers/prerequisites.sh installs OpenSSH")
    return found
