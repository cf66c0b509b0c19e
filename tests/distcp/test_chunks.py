"""Why a large file is not cut for several maps (ADR 0012): what DistCp itself does with ``-blocksperchunk``."""

from __future__ import annotations

import re
import subprocess
import time
import uuid
from collections.abc import Mapping

import requests

from tests.distcp.tree import Place

MIB = 2**20
BLOCK = MIB
SIZE = 12 * BLOCK
CHUNK = re.compile(r"large\.____distcpSplit____\d+\.\d+")


def _start(cluster: Mapping[str, str], hdfs: Place, *options: str) -> subprocess.Popen[str]:
    ours = (f"-Ddfs.blocksize={BLOCK}", *options)
    words = [cluster["command"], "distcp", *ours, "-blocksperchunk", "3", "-m", "4", "-update"]
    ends = [f"{cluster['namenode']}{hdfs.path(name)}" for name in ("src", "dst")]
    return subprocess.Popen([*words, *ends], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _names(hdfs: Place) -> list[str]:
    return [entry.name for entry in hdfs.store.list(hdfs.path("dst"))]


def _put(cluster: Mapping[str, str], hdfs: Place, folder: str, data: bytes) -> None:
    """A file of several blocks, by WebHDFS: our own writer leaves the block size to the cluster."""
    where = f"{cluster['webhdfs']}/webhdfs/v1{hdfs.path(folder)}/large"
    query = {"op": "CREATE", "user.name": "root", "blocksize": str(BLOCK), "overwrite": "true"}
    requests.put(where, params=query, data=data, timeout=60).raise_for_status()


def _chunks(hdfs: Place, client: subprocess.Popen[str]) -> list[str]:
    """The chunks in the destination, once there are any."""
    while client.poll() is None:
        if found := [name for name in _names(hdfs) if CHUNK.fullmatch(name)]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no chunk was seen: {_names(hdfs)} {client.communicate()[0][-4000:]}")


def test_pieces_of_a_file_stand_among_the_data_and_stay_there_when_the_job_is_killed(
    cluster: Mapping[str, str], hdfs: Place
) -> None:
    _put(cluster, hdfs, "src", bytes(SIZE))
    hdfs.write("dst/old", b"is read meanwhile")
    tag = f"chunks-{uuid.uuid4().hex}"
    # A map at a time, so that there is a while between the first chunk and the last.
    client = _start(cluster, hdfs, f"-Dmapreduce.job.tags={tag}", "-Dmapreduce.job.running.map.limit=1")
    try:
        seen = _chunks(hdfs, client)
        apps = f"{cluster['resourcemanager']}/ws/v1/cluster/apps"
        app = requests.get(apps, params={"applicationTags": tag}, timeout=10).json()["apps"]["app"][0]["id"]
        killed = {"json": {"state": "KILLED"}, "params": {"user.name": "root"}}
        requests.put(f"{apps}/{app}/state", timeout=10, **killed)  # type: ignore[arg-type]
    finally:
        client.communicate(timeout=90)
    # Whoever reads the directory takes them for files of it: nothing hides them, and no job's id is in their names.
    assert all(not name.startswith((".", "_")) for name in seen)
    assert set(seen) <= set(_names(hdfs))
    assert "large" not in _names(hdfs)
