"""Real DistCp on real stores, many times in one Java: :class:`DistCpLoop`. Its maps run in that Java, not on YARN."""

from __future__ import annotations

import os
import subprocess
import uuid
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpRequest, JobRef
from airflow_datamove.distcp.listing import JAR
from airflow_datamove.distcp.outcome import report_of
from airflow_datamove.distcp.prepare import prepare
from airflow_datamove.errors import DistCpFailed
from airflow_datamove.stores.connection import Connections
from airflow_datamove.transfer.options import CopyOptions

_PROPERTIES = {
    "mapreduce.framework.name": "local",
    # Else a client that was opened with another DistCp's properties is used again.
    "fs.hdfs.impl.disable.cache": "true",
}


class DistCpLoop:
    """A Java that runs DistCp whenever it is asked to.

    :param hadoop: the facts of a real Hadoop.
    :param conf: the configuration by which it reaches HDFS and the object stores.
    :param log: takes what it logs.
    """

    def __init__(self, hadoop: Mapping[str, str], conf: Path, log: Path) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "HADOOP_USER_NAME": "root", "HADOOP_CONF_DIR": str(conf)}
        hadoops = subprocess.check_output([hadoop["command"], "classpath"], text=True, env=environment).strip()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [
                    *("java", "-Xmx384m", "-XX:+UseSerialGC", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
                    *("-Dhadoop.root.logger=WARN,console", "-cp", f"{hadoops}:{JAR}"),
                    str(Path(__file__).with_name("DistCpLoop.java")),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=environment,
            )

    def run(self, arguments: list[str]) -> int:
        """DistCp's exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        words = [b64encode(each.encode()).decode() for each in arguments]
        self._process.stdin.write("\n".join([str(len(words)), *words, ""]))
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the Java has ended"
        return int(answer)

    def copy(self, source: Address, destination: Address, options: CopyOptions, connections: Connections) -> None:
        """A copy as :class:`~airflow_datamove.distcp.job.DistCpJob` does it, but for YARN."""
        tag = f"rule-{uuid.uuid4().hex}"
        request = DistCpRequest(source, destination, options, tag=tag, name="rule", maps=2, bandwidth=2**30)
        with closing(prepare(request, connections, allow_local=True)) as prepared:
            prepared.make_directories(connections)
            id_ = ""
            if prepared.command is not None:
                id_ = "application_1_1"
                properties = [f"-D{name}={value}" for name, value in _PROPERTIES.items()]
                arguments = [each for each in prepared.arguments if each != "-async"]
                if code := self.run([*properties, *arguments]):
                    raise DistCpFailed(f"DistCp ended with {code}")
            ref = JobRef(id_, id_.replace("application", "job"), tag, started=prepared.started)
            report_of(ref, request, connections, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
