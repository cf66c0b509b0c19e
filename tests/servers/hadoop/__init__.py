"""Hadoop: HDFS, YARN and the JobHistory server as five JVMs of the real daemons, and a `hadoop` command for clients.

In one JVM together they would fit in less memory, but there the resource manager's REST answers 404, and none of them
could be killed alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.servers.cache import cached, fetch_by
from tests.servers.hadoop.configuration import write_configuration
from tests.servers.record import write_file
from tests.servers.server import Daemon, Place, Plan, StartFailed, get, get_json
from tests.servers.stack import clean_environment, loopback

VERSION = "3.4.3-gcs2.2.26-aws2.35.4"

PORTS = (
    "namenode",
    "namenode_http",
    "datanode",
    "datanode_http",
    "datanode_ipc",
    "resourcemanager",
    "resourcemanager_scheduler",
    "resourcemanager_tracker",
    "resourcemanager_admin",
    "resourcemanager_http",
    "nodemanager",
    "nodemanager_localizer",
    "nodemanager_http",
    "nodemanager_shuffle",
    "history",
    "history_admin",
    "history_http",
)

# Without them gs:// and s3a:// want a client's configuration of its own: write_client_configuration.
ENVIRONMENT = {
    "gcs_url": "DATAMOVE_GCS_URL",
    "s3_url": "DATAMOVE_S3_URL",
    "s3_region": "DATAMOVE_S3_REGION",
    "s3_access_key": "DATAMOVE_S3_ACCESS_KEY",
    "s3_secret_key": "DATAMOVE_S3_SECRET_KEY",
}

_MAINS = {
    "namenode": ("org.apache.hadoop.hdfs.server.namenode.NameNode", 160),
    "datanode": ("org.apache.hadoop.hdfs.server.datanode.DataNode", 128),
    "resourcemanager": ("org.apache.hadoop.yarn.server.resourcemanager.ResourceManager", 160),
    "nodemanager": ("org.apache.hadoop.yarn.server.nodemanager.NodeManager", 128),
    "history": ("org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer", 128),
}

_COPY_JARS = ("dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")

_JAVA = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
]


def plan(place: Place) -> Plan:
    """Fetch the jars (once), write the configuration, and say what to start."""
    lib = _jars()
    conf = place.home / "conf"
    for folder in ("tmp", "logs"):
        (place.home / folder).mkdir(parents=True, exist_ok=True)
    write_configuration(conf, place, lib)
    command = _client(place, conf, lib)
    if not (place.home / "data" / "name" / "current" / "VERSION").exists():
        _format(place, conf, lib)
    http = {name: loopback(place.ports[f"{name}_http"]) for name in _MAINS}
    facts = {
        "webhdfs": http["namenode"],
        "namenode": loopback(place.ports["namenode"], "hdfs"),
        "resourcemanager": http["resourcemanager"],
        "history": http["history"],
        "conf_dir": str(conf),
        "command": str(command),
        "lib": str(lib),
    }
    ready = _ready(http)
    after = {"history": ("namenode", "datanode")}
    daemons = [
        Daemon(
            name=name,
            argv=[*_java(place, conf, lib, heap), main],
            env=_environment(place, conf),
            address=http[name],
            ready=ready[name],
            after=after.get(name, ()),
            # In the NodeManager's group are the watchers of its containers, which are to outlive it.
            group=False,
        )
        for name, (main, heap) in _MAINS.items()
    ]
    return Plan(daemons=daemons, facts=facts)


def _jars() -> Path:
    def fetch(folder: Path) -> None:
        shutil.copy(Path(__file__).with_name("pom.xml"), folder)
        fetch_by(["mvn", "-B", "-q", *_COPY_JARS], folder)

    return cached(f"hadoop-{VERSION}", fetch) / "lib"


def _java(place: Place, conf: Path, lib: Path, heap: int) -> list[str]:
    """Return the command line of a daemon up to its main class; `heap` in MiB."""
    return [
        str(_java_home() / "bin" / "java"),
        f"-Xmx{heap}m",
        *_JAVA,
        f"-Djava.io.tmpdir={place.home / 'tmp'}",
        f"-Dhadoop.log.dir={place.home / 'logs'}",
        "-Dhadoop.root.logger=INFO,console",
        "-cp",
        f"{conf}:{lib}/*",
    ]


def _java_home() -> Path:
    named = Path(os.environ.get("JAVA_HOME", "/nowhere"))
    if (named / "bin" / "java").exists():
        return named
    found = shutil.which("java")
    if found is None:
        raise StartFailed("Hadoop needs Java 17 or later, which is not here: run tests/servers/prerequisites.sh")
    return Path(found).resolve().parents[1]


def _environment(place: Place, conf: Path) -> dict[str, str]:
    # Without JAVA_HOME the containers would look for /bin/java.
    folders = {"HADOOP_CONF_DIR": conf, "HADOOP_LOG_DIR": place.home / "logs", "JAVA_HOME": _java_home()}
    return clean_environment({name: str(folder) for name, folder in folders.items()})


def _format(place: Place, conf: Path, lib: Path) -> None:
    main, heap = _MAINS["namenode"]
    log = place.state / "logs" / "hadoop-format.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A format that was killed half way leaves folders that the next one refuses to touch without -force.
    arguments = [*_java(place, conf, lib, heap), main, "-format", "-force", "-nonInteractive"]
    with log.open("ab") as output:
        outcome = subprocess.run(arguments, env=_environment(place, conf), stdout=output, stderr=output, check=False)
    if outcome.returncode != 0:
        raise StartFailed(f"hdfs namenode -format ended with {outcome.returncode}; log {log}")
    # Blocks of another file system would keep the DataNode from joining the new one.
    shutil.rmtree(place.home / "data" / "blocks", ignore_errors=True)


def _ready(http: dict[str, str]) -> dict[str, Callable[[], bool]]:
    def namenode() -> bool:
        return b"FileStatuses" in get(f"{http['namenode']}/webhdfs/v1/?op=LISTSTATUS")

    def datanode() -> bool:
        query = "qry=Hadoop:service=NameNode,name=FSNamesystemState"
        state = get_json(f"{http['namenode']}/jmx?{query}")["beans"][0]
        return bool(state["FSState"] == "Operational" and state["NumLiveDataNodes"] > 0)

    def resourcemanager() -> bool:
        return bool(get_json(f"{http['resourcemanager']}/ws/v1/cluster/info")["clusterInfo"]["state"] == "STARTED")

    def nodemanager() -> bool:
        get(f"{http['nodemanager']}/ws/v1/node/info")
        metrics = get_json(f"{http['resourcemanager']}/ws/v1/cluster/metrics")["clusterMetrics"]
        return int(metrics["activeNodes"]) >= 1

    def history() -> bool:
        return bool(get(f"{http['history']}/ws/v1/history/info"))

    return {
        "namenode": namenode,
        "datanode": datanode,
        "resourcemanager": resourcemanager,
        "nodemanager": nodemanager,
        "history": history,
    }


def _client(place: Place, conf: Path, lib: Path) -> Path:
    command = place.home / "bin" / "hadoop"
    template = Path(__file__).with_name("client.sh").read_text(encoding="utf-8")
    values = {"@CONF@": conf, "@LIB@": lib, "@TMP@": place.home / "tmp", "@JAVA_HOME@": _java_home()}
    for name, value in values.items():
        template = template.replace(name, str(value))
    write_file(command, template, mode=0o755)
    return command
