"""A client on an edge node, over a real sshd; a real DistCp through it is at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.job import DistCpJob
from airflow_datamove.distcp.listing import PROPERTY
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.ssh import SshLauncher
from airflow_datamove.errors import ClusterUnavailable
from airflow_datamove.stores.connection import Connection, Connections
from tests.conftest import sftp_connection
from tests.distcp.test_job import ended, request
from tests.distcp.test_submit import COMMAND, cluster, gone
from tests.distcp.tree import ODD, Place


def edge_of(facts: Mapping[str, Any], **extra: Any) -> Connection:
    values = sftp_connection(dict(facts))
    return Connection("edge", "ssh", values["host"], values["port"], values["login"], "", "", values["extra"] | extra)


@pytest.fixture
def edge(ssh: dict[str, Any]) -> Connection:
    return edge_of(ssh)


def leftovers() -> set[str]:
    return {name for name in os.listdir("/tmp") if name.startswith("datamove-client-")}


def test_files_go_there_and_nothing_stays(tmp_path: Path, edge: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SECRET", "hidden")
    (tmp_path / "list").write_bytes(b"line\n" * 100_000)
    (tmp_path / "jar").write_bytes(b"jar")

    script = """
        printf '%s\\n' "$@" "$HADOOP_CONF_DIR" "$HADOOP_USER_NAME" "$LC_ALL" "${AIRFLOW_CONN_SECRET:-none}"
        wc -l < "${2#-Ddatamove.copy.listing=file://}"
        stat -c %a "$(dirname "$HADOOP_CLASSPATH")" "$HADOOP_CLASSPATH"
        cat "$HADOOP_CLASSPATH"
        echo; echo 'INFO impl.YarnClientImpl: Submitted application application_17_0002' >&2
        exit 3
    """
    before = leftovers()
    command = Command(("-async",), ("hdfs://nn/é 'x' $(y)/",), "hdfs://nn/t/", tmp_path / "list", tmp_path / "jar")
    outcome = SshLauncher(cluster(tmp_path, script), edge).run(command)
    lines = outcome.output.splitlines()
    assert (outcome.application_id, outcome.code) == ("application_17_0002", 3)
    assert lines[1].startswith(f"-D{PROPERTY}=file:///tmp/datamove-")
    assert [lines[0], *lines[2:5]] == ["distcp", "-async", "hdfs://nn/é 'x' $(y)/", "hdfs://nn/t/"]
    assert lines[5:-1] == ["/conf", "alice", "C.UTF-8", "none", "100000", "700", "600", "jar"]
    assert leftovers() <= before


def test_a_cancel_ends_the_whole_group_there(tmp_path: Path, edge: Connection) -> None:
    stop, before = threading.Event(), leftovers()
    set_at: list[float] = []

    def cancel() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text().strip():
            time.sleep(0.05)
        set_at.append(time.monotonic())
        stop.set()

    threading.Thread(target=cancel, daemon=True).start()
    script = f"sleep 300 & echo $! > {tmp_path}/child; wait"
    SshLauncher(cluster(tmp_path, script), edge).run(COMMAND, cancelled=stop)
    assert time.monotonic() - set_at[0] < 3
    # Even before it has begun.
    began = time.monotonic()
    SshLauncher(cluster(tmp_path, "exec sleep 300"), edge).run(COMMAND, cancelled=stop)
    assert time.monotonic() - began < 6
    assert gone(int((tmp_path / "child").read_text()))
    assert leftovers() <= before


@pytest.mark.parametrize("script", ["exec sleep 300", "trap '' TERM; echo deaf; sleep 300"])
def test_the_client_there_does_not_outlive_its_task_here(tmp_path: Path, ssh: dict[str, Any], script: str) -> None:
    before = leftovers()
    there = cluster(tmp_path, f"echo $$ > {tmp_path}/pid; {script}")
    program = f"""
from tests.distcp.test_ssh import edge_of, COMMAND, Cluster, SshLauncher
SshLauncher(Cluster("h", {there.command!r}, ()), edge_of({ssh!r})).run(COMMAND)
"""
    task = subprocess.Popen([sys.executable, "-c", program], cwd=os.getcwd())
    for _ in range(400):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            break
        time.sleep(0.05)
    task.kill()
    task.wait()
    for _ in range(3):
        if gone(int((tmp_path / "pid").read_text())):
            break
    else:
        raise AssertionError("it lives")
    for _ in range(40):
        if leftovers() <= before:
            return
        time.sleep(0.1)
    raise AssertionError(leftovers() - before)


def test_what_is_not_there_is_told(tmp_path: Path, edge: Connection, ssh: dict[str, Any]) -> None:
    SshLauncher(cluster(tmp_path, "true"), edge).check()
    with pytest.raises(ClusterUnavailable, match="is not on 127"):
        SshLauncher(Cluster("h", (str(tmp_path / "missing"),), ()), edge).check()
    # Neither is final: a job of an earlier try may run, and is joined once the node is back.
    whose = "of connection 'hadoop', by ssh connection 'edge': SSH at 127.0.0.1:"
    with pytest.raises(ClusterUnavailable, match=f"{whose}.*host key"):
        SshLauncher(cluster(tmp_path, "true"), edge_of(ssh, host_key="")).check()
    with pytest.raises(ClusterUnavailable, match=f"{whose}.*does not let this connection in"):
        SshLauncher(cluster(tmp_path, "true"), replace(edge, login="nobody-of-that-name")).run(COMMAND)
    with pytest.raises(ClusterUnavailable, match=f"{whose}9 cannot be reached"):
        SshLauncher(cluster(tmp_path, "true"), replace(edge, port=9)).check()


def test_an_account_that_may_only_move_files_is_told(tmp_path: Path, sftp: dict[str, Any]) -> None:
    with pytest.raises(ClusterUnavailable):
        SshLauncher(cluster(tmp_path, "true"), edge_of(sftp)).check()


def test_a_real_copy_by_an_edge_node(ends: Connections, hdfs: Place, edge: Connection) -> None:
    class Both:
        def get(self, connection_id: str) -> Connection:
            return edge if connection_id == "edge" else ends.get(connection_id)

    there = ends.get("hadoop")
    job = DistCpJob(replace(there, extra={**there.extra, "ssh_conn_id": "edge"}), Both())
    hdfs.fill("src", ODD)
    asked = request(hdfs.at("src"), hdfs.at("dst"))
    ref = job.submit(asked)
    assert ended(job, ref).succeeded
    assert job.result(ref, asked).files == sum(data is not None for data in ODD.values())
    assert hdfs.read("dst") == ODD
