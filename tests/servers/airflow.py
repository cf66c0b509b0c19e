"""Apache Airflow as in earnest: API server, scheduler, DAG processor and triggerer as four processes.

Its whole configuration is environment, kept in `env.json` so that commands can be run with the very same one
(`<state>/airflow/bin/airflow`). Two users: admin, who may all, and tina, who may look.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.servers.port import HOST
from tests.servers.record import read_record, write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed, get_json
from tests.servers.stack import clean_environment, loopback

PORTS = ("airflow", "airflow_worker_log", "airflow_trigger_log")

# Options that come from the environment when the caller gives none, and the one whose change restarts all.
ENVIRONMENT = {"database": "DATAMOVE_AIRFLOW_DB"}
RESTARTS_FOR = ("env", "database")

_USERS = {"admin": "admin", "tina": "viewer"}

# The log servers would listen on every interface, with no setting against it. Here the API server reads the same
# folder of logs, so nobody needs them.
_COMMANDS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

_CLIENT = """\
#!{python}
# The airflow command with this server's own environment.
import json, os, sys
with open({env!r}) as file:
    env = json.load(file)
os.execve(sys.executable, [sys.executable, "-m", "airflow", *sys.argv[1:]], {{**os.environ, **env}})
"""


def plan(place: Place) -> Plan:
    """Write the configuration, migrate the database (when it is new), and say what to start."""
    home, url = place.home / "home", loopback(place.ports["airflow"])
    (home / "dags").mkdir(parents=True, exist_ok=True)
    passwords = _passwords(place)
    env = _environment(place, home, url)
    write_file(place.home / "env.json", json.dumps(env, indent=2) + "\n", mode=0o600)
    command = place.home / "bin" / "airflow"
    write_file(command, _CLIENT.format(python=sys.executable, env=str(place.home / "env.json")), mode=0o755)
    daemon_env = clean_environment(env)
    _migrate(place, daemon_env)
    ready = _ready(place, url, passwords["admin"])
    daemons = [
        Daemon(
            name=name,
            argv=[sys.executable, "-m", "airflow", *words],
            env=daemon_env,
            address=url,
            ready=ready[name],
            seconds=120,
            # SIGTERM alone leaves children behind; these go to the whole group.
            signals=((signal.SIGINT, 8.0), (signal.SIGTERM, 6.0)),
        )
        for name, words in _COMMANDS.items()
    ]
    facts = {
        "url": url,
        "username": "admin",
        "password": passwords["admin"],
        "viewer_username": "tina",
        "viewer_password": passwords["tina"],
        "home": str(home),
        "env_file": str(place.home / "env.json"),
        "command": str(command),
    }
    return Plan(daemons=daemons, facts=facts)


def _kept(path: Path) -> dict[str, str]:
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _passwords(place: Place) -> dict[str, str]:
    path = place.home / "passwords.json"
    kept = _kept(path)
    passwords = {user: kept.get(user) or secrets.token_urlsafe(18) for user in _USERS}
    if passwords != kept:
        write_file(path, json.dumps(passwords) + "\n", mode=0o600)
    return passwords


def _environment(place: Place, home: Path, url: str) -> dict[str, str]:
    """Return Airflow's configuration; secrets are kept, since what is in the database is encrypted with them."""
    kept = _kept(place.home / "secrets.json")
    made = {
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii"),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
    }
    if not made.keys() <= kept.keys():
        kept = made
        write_file(place.home / "secrets.json", json.dumps(kept) + "\n", mode=0o600)
    settings = {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__DAGS_FOLDER": home / "dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": False,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": 8,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in _USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": place.home / "passwords.json",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": place.options.get("database") or f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": place.ports["airflow"],
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": 1,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": place.ports["airflow_worker_log"],
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": place.ports["airflow_trigger_log"],
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": 3,
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 2,
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 2,
        # Tasks call the commands that are installed beside this Python.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    env = {key: str(value) for key, value in settings.items()}
    extra: Mapping[str, Any] = place.options.get("env") or {}
    return {**env, **kept, **{str(key): str(value) for key, value in extra.items()}}


def _migrate(place: Place, env: Mapping[str, str]) -> None:
    database = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    stamp = place.home / "migrated"
    done = f"{version('apache-airflow')} {database}\n"
    missing = database.startswith("sqlite:///") and not Path(database.removeprefix("sqlite:///")).exists()
    if not missing and stamp.exists() and stamp.read_text(encoding="utf-8") == done:
        return
    log = place.state / "logs" / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        outcome = subprocess.run(command, env=env, cwd=place.home, stdout=output, stderr=output, check=False)
    if outcome.returncode != 0:
        last = "\n    ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise StartFailed(f"airflow db migrate ended with {outcome.returncode}. Log {log}, last lines:\n    {last}")
    write_file(stamp, done, mode=0o600)


def _ready(place: Place, url: str, password: str) -> dict[str, Callable[[], bool]]:
    def api_server() -> bool:
        body = json.dumps({"username": "admin", "password": password}).encode()
        request = urllib.request.Request(f"{url}/auth/token", body, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as answer:
            token = json.load(answer)["access_token"]
        return bool(token) and get_json(f"{url}/api/v2/monitor/health")["metadatabase"]["status"] == "healthy"

    def component(daemon: str) -> Callable[[], bool]:
        def healthy() -> bool:
            name = daemon.replace("-", "_")
            state = get_json(f"{url}/api/v2/monitor/health")[name]
            if state["status"] != "healthy":
                return False
            # A predecessor that was killed counts as healthy for a while: ask for a heartbeat of this very process.
            beat = datetime.fromisoformat(state[f"latest_{name}_heartbeat"]).timestamp()
            return beat >= read_record(place.home).entries[daemon].process.since()

        return healthy

    return {daemon: api_server if daemon == "api-server" else component(daemon) for daemon in _COMMANDS}
