"""MariaDB from Debian, with a data folder and an account of this checkout's own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from tests.servers.port import HOST
from tests.servers.record import write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed
from tests.servers.stack import clean_environment, loopback

PORTS = ("mariadb",)

# A plain user's PATH has no /usr/sbin.
_SBIN = f"{os.defpath}:/usr/sbin:/usr/local/sbin"


def plan(place: Place) -> Plan:
    """Make the data folder with its database `ledger` (once) and say what to start."""
    port, data = place.ports["mariadb"], place.home / "data"
    password = _password(place)
    if not data.exists():
        _initialise(place, data)
    init = place.home / "init.sql"
    account = f"'ledger'@'{HOST}'"
    words = (
        "CREATE DATABASE IF NOT EXISTS ledger CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO {account};\n"
    )
    write_file(init, words, mode=0o600)
    argv = [_program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--bind-address={HOST}", f"--port={port}"]
    argv += [f"--socket={place.home / 's'}", f"--pid-file={place.home / 'pid'}", f"--init-file={init}"]
    argv += ["--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--max-connections=200"]
    argv += ["--user=root"] if os.geteuid() == 0 else []

    def ready() -> bool:
        import pymysql

        pymysql.connect(
            host=HOST, port=port, user="ledger", password=password, database="ledger", connect_timeout=3
        ).close()
        return True

    daemon = Daemon(
        name="mariadb", argv=argv, env=clean_environment(), address=loopback(port, "mysql"), ready=ready, seconds=30
    )
    facts = {"url": f"mysql+pymysql://ledger:{password}@{HOST}:{port}/ledger"}
    return Plan(daemons=[daemon], facts=facts)


def _password(place: Place) -> str:
    file = place.home / "password"
    if not file.exists():
        place.home.mkdir(parents=True, exist_ok=True)
        write_file(file, secrets.token_hex(16), mode=0o600)
    return file.read_text(encoding="ascii").strip()


def _initialise(place: Place, data: Path) -> None:
    """Make the folder under another name and rename it, so that one that exists is complete."""
    temporary = place.home / "data.new"
    shutil.rmtree(temporary, ignore_errors=True)
    argv = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={temporary}", "--skip-test-db"]
    argv += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
    argv += ["--user=root"] if os.geteuid() == 0 else []
    outcome = subprocess.run(argv, env=clean_environment(), cwd=place.home, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        raise StartFailed(f"{' '.join(argv)} ended with {outcome.returncode}: {outcome.stdout}{outcome.stderr}")
    temporary.rename(data)


def _program(name: str) -> str:
    found = shutil.which(name, path=_SBIN)
    if found is None:
        raise StartFailed(f"there is no {name}; tests/servers/prerequisites.sh installs it")
    return found
