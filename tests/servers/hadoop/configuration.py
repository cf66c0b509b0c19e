"""Hadoop's configuration files for a cluster of one machine that can be killed in any part and started again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.port import HOST
from tests.servers.process import MARK
from tests.servers.record import write_file
from tests.servers.server import Place

_LOG4J = """\
log4j.rootLogger=${hadoop.root.logger}
log4j.threshold=ALL
hadoop.root.logger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
# It says so every second.
log4j.logger.org.apache.hadoop.mapreduce.v2.hs.JobHistory=WARN
"""


_S3A = {
    "s3_url": "fs.s3a.endpoint",
    "s3_region": "fs.s3a.endpoint.region",
    "s3_access_key": "fs.s3a.access.key",
    "s3_secret_key": "fs.s3a.secret.key",
}


def write_client_configuration(conf: Path, of: Path, options: Mapping[str, object]) -> None:
    """Write into `conf` what a client of the cluster that is configured in `of` needs to reach the object stores of
    `options`. It travels to the maps in job.xml, so the cluster need not be started again for it."""
    shutil.copytree(of, conf, dirs_exist_ok=True)
    site = ElementTree.parse(conf / "core-site.xml").getroot()
    known = {each.findtext("name", ""): each.findtext("value", "") for each in site}
    write_file(conf / "core-site.xml", _xml({**known, **connectors(options)}))


def write_configuration(conf: Path, place: Place, lib: Path) -> None:
    """Write the four XML files, the schedulers' and log4j's into `conf`."""
    files = {
        "core-site": _core(place),
        "hdfs-site": _hdfs(place),
        "yarn-site": _yarn(place, conf, lib),
        "mapred-site": _mapred(place, conf, lib),
        "capacity-scheduler": _capacity(),
    }
    for name, properties in files.items():
        write_file(conf / f"{name}.xml", _xml(properties))
    write_file(conf / "log4j.properties", _LOG4J)


def _xml(properties: Mapping[str, object]) -> str:
    lines = [
        f"  <property><name>{name}</name><value>{escape(str(value))}</value></property>"
        for name, value in properties.items()
    ]
    return "\n".join(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""])


def _core(place: Place) -> dict[str, object]:
    return {
        "fs.defaultFS": f"hdfs://{HOST}:{place.ports['namenode']}",
        "hadoop.tmp.dir": place.home / "tmp",
        "hadoop.http.staticuser.user": "root",
        # Whoever the operating system says that we are may act for anyone: Airflow's connections name a user.
        "hadoop.security.authentication": "simple",
        "ipc.client.connect.max.retries": 10,
        **connectors(place.options),
    }


def connectors(options: Mapping[str, object]) -> dict[str, object]:
    """Return the properties by which Hadoop reaches the object stores that `options` names; without one, gs:// and
    s3a:// want theirs from the client's configuration."""
    properties: dict[str, object] = {
        "fs.gs.impl": "com.google.cloud.hadoop.fs.gcs.GoogleHadoopFileSystem",
        "fs.AbstractFileSystem.gs.impl": "com.google.cloud.hadoop.fs.gcs.GoogleHadoopFS",
        "fs.gs.auth.type": "UNAUTHENTICATED",
        "fs.gs.project.id": "datamove",
        "google.cloud.auth.service.account.enable": "false",
        "google.cloud.auth.null.enable": "true",
        # Not the whole chain, whose last link asks a cloud machine's metadata service, which is not here.
        "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
    }
    if url := options.get("gcs_url"):
        properties["fs.gs.storage.root.url"] = f"{str(url).rstrip('/')}/"
    for option, name in _S3A.items():
        if option in options:
            properties[name] = options[option]
    return properties


def _hdfs(place: Place) -> dict[str, object]:
    ports, data = place.ports, place.home / "data"
    return {
        "dfs.namenode.rpc-address": f"{HOST}:{ports['namenode']}",
        "dfs.namenode.rpc-bind-host": HOST,
        "dfs.namenode.http-address": f"{HOST}:{ports['namenode_http']}",
        "dfs.namenode.http-bind-host": HOST,
        "dfs.namenode.name.dir": f"file://{data}/name",
        "dfs.namenode.safemode.extension": 0,
        "dfs.namenode.fs-limits.min-block-size": 1024,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.handler.count": 4,
        # A client that closes a file asks at once whether its last block is there, and then waits 400 ms by default:
        # with one data node that is too soon by a millisecond, for every small file.
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": 20,
        "dfs.datanode.address": f"{HOST}:{ports['datanode']}",
        "dfs.datanode.http.address": f"{HOST}:{ports['datanode_http']}",
        "dfs.datanode.ipc.address": f"{HOST}:{ports['datanode_ipc']}",
        "dfs.datanode.hostname": HOST,
        "dfs.datanode.data.dir": f"file://{data}/blocks",
        "dfs.datanode.handler.count": 4,
        "dfs.heartbeat.interval": 1,
        "dfs.replication": 1,
        "dfs.blocksize": 8388608,
        "dfs.permissions.enabled": "false",
        "dfs.webhdfs.enabled": "true",
    }


def _yarn(place: Place, conf: Path, lib: Path) -> dict[str, object]:
    ports, home = place.ports, place.home
    return {
        "yarn.resourcemanager.hostname": HOST,
        "yarn.resourcemanager.bind-host": HOST,
        "yarn.resourcemanager.address": f"{HOST}:{ports['resourcemanager']}",
        "yarn.resourcemanager.scheduler.address": f"{HOST}:{ports['resourcemanager_scheduler']}",
        "yarn.resourcemanager.resource-tracker.address": f"{HOST}:{ports['resourcemanager_tracker']}",
        "yarn.resourcemanager.admin.address": f"{HOST}:{ports['resourcemanager_admin']}",
        "yarn.resourcemanager.webapp.address": f"{HOST}:{ports['resourcemanager_http']}",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 200,
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": f"file://{home}/data/rmstore",
        "yarn.resourcemanager.scheduler.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
        ),
        "yarn.nodemanager.hostname": HOST,
        "yarn.nodemanager.bind-host": HOST,
        "yarn.nodemanager.address": f"{HOST}:{ports['nodemanager']}",
        "yarn.nodemanager.localizer.address": f"{HOST}:{ports['nodemanager_localizer']}",
        "yarn.nodemanager.webapp.address": f"{HOST}:{ports['nodemanager_http']}",
        "yarn.nodemanager.local-dirs": home / "data" / "nm-local",
        "yarn.nodemanager.log-dirs": home / "logs" / "containers",
        # The mark of the server goes to the containers, so that its stop finds those that outlived a NodeManager.
        "yarn.nodemanager.env-whitelist": f"JAVA_HOME,HADOOP_CONF_DIR,PATH,LANG,TZ,{MARK}",
        # No map of DistCp asks it for anything, but no MapReduce container starts without it. It has no setting for
        # an address to listen on.
        "yarn.nodemanager.aux-services": "mapreduce_shuffle",
        "yarn.nodemanager.resource.memory-mb": 4096,
        "yarn.nodemanager.resource.cpu-vcores": 16,
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.9,
        "yarn.nodemanager.recovery.enabled": "true",
        "yarn.nodemanager.recovery.supervised": "true",
        "yarn.nodemanager.recovery.dir": home / "data" / "nm-recovery",
        "yarn.scheduler.minimum-allocation-mb": 128,
        "yarn.scheduler.capacity.maximum-am-resource-percent": 0.6,
        "yarn.am.liveness-monitor.expiry-interval-ms": 60000,
        "yarn.application.classpath": f"{conf},{lib}/*",
    }


def _mapred(place: Place, conf: Path, lib: Path) -> dict[str, object]:
    ports = place.ports
    opens = "--add-opens=java.base/java.lang=ALL-UNNAMED -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"
    return {
        "mapreduce.framework.name": "yarn",
        "mapreduce.application.classpath": f"{conf},{lib}/*",
        "mapreduce.jobhistory.address": f"{HOST}:{ports['history']}",
        "mapreduce.jobhistory.bind-host": HOST,
        "mapreduce.jobhistory.admin.address": f"{HOST}:{ports['history_admin']}",
        "mapreduce.jobhistory.webapp.address": f"{HOST}:{ports['history_http']}",
        "mapreduce.jobhistory.move.interval-ms": 1000,
        "mapreduce.shuffle.port": ports["nodemanager_shuffle"],
        "mapreduce.map.memory.mb": 256,
        "mapreduce.map.java.opts": f"-Xmx160m {opens}",
        "mapreduce.reduce.memory.mb": 256,
        "mapreduce.reduce.java.opts": f"-Xmx160m {opens}",
        "mapreduce.client.progressmonitor.pollinterval": 200,
        "mapreduce.client.completion.pollinterval": 300,
        "yarn.app.mapreduce.am.resource.mb": 512,
        "yarn.app.mapreduce.am.command-opts": f"-Xmx200m {opens}",
        "yarn.app.mapreduce.am.staging-dir": "/tmp/hadoop-yarn/staging",
        "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": 300,
    }


def _capacity() -> dict[str, object]:
    return {
        # Several small jobs side by side: each has an application master of 512 MB.
        "yarn.scheduler.capacity.maximum-am-resource-percent": 0.6,
        "yarn.scheduler.capacity.root.queues": "default",
        "yarn.scheduler.capacity.root.default.capacity": 100,
        "yarn.scheduler.capacity.root.default.state": "RUNNING",
        "yarn.scheduler.capacity.root.default.maximum-applications": 1000,
        "yarn.scheduler.capacity.root.default.user-limit-factor": 10,
        "yarn.scheduler.capacity.node-locality-delay": -1,
    }
