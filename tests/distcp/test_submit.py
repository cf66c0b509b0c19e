"""How a client's process is treated; what it does on a cluster is `test_job.py`'s."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.submit import LocalLauncher
from airflow_datamove.errors import ClusterUnavailable, Refused, WrongUse
from airflow_datamove.stores.connection import Connection

COMMAND = Command(("-async",), ("hdfs://nn/s/",), "hdfs://nn/t/")


def cluster(folder: Path, script: str) -> Cluster:
    client = folder / "client"
    client.write_text(f"#!/usr/bin/env bash\n{textwrap.dedent(script)}", encoding="utf-8")
    client.chmod(0o755)
    return Cluster("hadoop", (str(client), "distcp"), ("http://127.0.0.1:1",), conf_dir="/conf", user="alice")


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_arguments_environment_and_application_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SECRET", "hidden")
    script = """
        printf '%s\\n' "$@" "$HADOOP_CONF_DIR" "$HADOOP_USER_NAME" "$LC_ALL" "${AIRFLOW_CONN_SECRET:-none}"
        echo 'INFO impl.YarnClientImpl: Submitted application application_17_0002' >&2
    """
    outcome = LocalLauncher(cluster(tmp_path, script)).run(COMMAND)
    assert outcome.application_id == "application_17_0002"
    assert outcome.code == 0
    assert outcome.output.splitlines()[:-1] == [
        *["distcp", "-async", "hdfs://nn/s/", "hdfs://nn/t/"],
        *["/conf", "alice", "C.UTF-8", "none"],
    ]


def test_the_job_id_serves_as_well(tmp_path: Path) -> None:
    assert LocalLauncher(cluster(tmp_path, "echo DistCp job-id: job_17_0003; exit 25")).run(COMMAND).application_id == (
        "application_17_0003"
    )


def test_more_sources_than_a_command_line_holds_go_into_a_file(tmp_path: Path) -> None:
    sources = tuple(f"hdfs://nn/s/{'x' * 90}é {number}/" for number in range(2000))
    script = """
        echo "$1 $2 $3 $5"
        wc -l < "${4#file://}"
        tail -n 1 "${4#file://}"
    """
    output = (
        LocalLauncher(cluster(tmp_path, script)).run(Command(("-async",), sources, "hdfs://nn/t/")).output.splitlines()
    )
    assert output == ["distcp -async -f hdfs://nn/t/", "2000", sources[-1]]
    with pytest.raises(Refused, match="line break"):
        LocalLauncher(cluster(tmp_path, "true")).run(Command((), (*sources, "a\nb"), "t"))


def test_a_cancel_ends_the_whole_group_within_two_seconds(tmp_path: Path) -> None:
    script = f"""
        sleep 300 &
        echo $! > {tmp_path}/child
        wait
    """
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    outcome = LocalLauncher(cluster(tmp_path, script)).run(COMMAND, cancelled=stop)
    assert time.monotonic() - began < 2.5
    assert outcome.application_id == ""
    assert gone(int((tmp_path / "child").read_text()))


def test_a_cancel_before_the_client_has_begun_ends_it_too(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    for number in range(10):
        began = time.monotonic()
        LocalLauncher(cluster(tmp_path, f"echo $$ > {tmp_path}/pid{number}; exec sleep 300")).run(
            COMMAND, cancelled=stop
        )
        assert time.monotonic() - began < 4
        if (pid := tmp_path / f"pid{number}").exists() and pid.read_text().strip():
            assert gone(int(pid.read_text()))


def test_a_client_does_not_outlive_its_task(tmp_path: Path) -> None:
    cluster(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 300")
    program = f"""
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.submit import LocalLauncher
LocalLauncher(Cluster("h", ({str(tmp_path / "client")!r},), ())).run(Command((), ("s",), "t"))
"""
    task = subprocess.Popen([sys.executable, "-c", program], cwd=os.getcwd())
    for _ in range(200):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            break
        time.sleep(0.05)
    task.kill()
    task.wait()
    assert gone(int((tmp_path / "pid").read_text()))


def test_no_client(tmp_path: Path) -> None:
    missing = Cluster("hadoop", (str(tmp_path / "missing"),), ())
    with pytest.raises(ClusterUnavailable, match="not on this machine"):
        LocalLauncher(missing).check()


def test_what_a_connection_says() -> None:
    extra = {"command": "sudo -n /opt/hadoop bin", "resource_manager": "rm1:8088, https://rm2:8090/", "queue": "q"}
    found = Cluster.of(Connection("h", "hadoop", login="alice", extra=extra))
    assert found.command == ("sudo", "-n", "/opt/hadoop", "bin", "distcp")
    assert found.resource_managers == ("http://rm1:8088", "https://rm2:8090")
    by_class = Cluster.of(
        Connection("h", extra={"class_path": "/lib/*", "conf_dir": "/conf", "resource_manager": "rm:8088"})
    )
    assert by_class.words()[-3:] == ["-cp", "/conf:/lib/*", "org.apache.hadoop.tools.DistCp"]
    assert by_class.words("j.jar")[-2] == "/conf:/lib/*:j.jar"
    secure = Cluster.of(Connection("h", login="alice", extra={**extra, "keytab": "/k", "principal": "p@R"}))
    assert (secure.kerberos, secure.user, secure.access.keytab, secure.verify) == (True, "", "/k", True)
    assert Cluster.of(Connection("h", extra={**extra, "verify": False})).verify is False
    assert Cluster.of(Connection("h", extra={**extra, "verify": "/ca.pem"})).verify == "/ca.pem"
    for broken in ({}, {"command": "hadoop"}, {"resource_manager": "rm:8088"}, {**extra, "keytab": "/k"}):
        with pytest.raises(WrongUse, match="connection 'h'"):
            Cluster.of(Connection("h", extra=broken))
