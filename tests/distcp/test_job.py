"""DistCp on a real HDFS and YARN. A job takes 12 to 18 s, so jobs that do not touch each other run side by side."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.cli.main import main
from airflow_datamove.distcp.job import DistCpJob, DistCpRequest, JobProgress, JobRef, run_to_end
from airflow_datamove.errors import (
    Cancelled,
    ClusterUnavailable,
    DistCpFailed,
    PathConflict,
    Refused,
    VerificationFailed,
)
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.stores.temporary import temporary_path
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from tests.distcp.tree import ODD, Place

MIB = 2**20


def request(source: Address, destination: Address, **values: Any) -> DistCpRequest:
    options = CopyOptions(**{k: values.pop(k) for k in ("overwrite", "mirror", "max_delete") if k in values})
    given: dict[str, Any] = {"tag": f"test-{uuid.uuid4().hex}", "maps": 2, "bandwidth": 64 * MIB, **values}
    return DistCpRequest(source, destination, options, name=f"{source} -> {destination}", **given)


def ended(job: DistCpJob, ref: JobRef, seconds: float = 120) -> JobProgress:
    deadline = time.monotonic() + seconds
    while not (progress := job.poll(ref)).finished:
        assert time.monotonic() < deadline, progress
        time.sleep(0.5)
    return progress


def run(job: DistCpJob, asked: DistCpRequest) -> TransferReport:
    ref = JobRef.from_dict(job.submit(asked).to_dict())
    ended(job, ref)
    return job.result(ref, asked, reason="asked for")


def together(*calls: Callable[[], TransferReport]) -> list[TransferReport]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def jobs_of(cluster: Mapping[str, str], tag: str) -> list[Any]:
    url = f"{cluster['resourcemanager']}/ws/v1/cluster/apps"
    answer = requests.get(url, params={"applicationTags": tag}, timeout=10).json()
    return list((answer["apps"] or {}).get("app") or [])


def test_a_directory_lands_the_same_whatever_exists_and_whatever_the_policy(
    job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]
) -> None:
    hdfs.fill("src", ODD)
    # What a killed try of the worker leaves behind: no listing of ours shows it, and no job may copy it.
    half = temporary_path("src/sub [é] */file")
    hdfs.write(half, b"half")
    old = {"a": b"old", "there/already": b"x"}
    hdfs.fill("there", old)
    hdfs.fill("kept", old)
    missing, existing, kept = together(
        lambda: run(job, request(hdfs.at("src"), hdfs.at("new/de ep"))),
        lambda: run(job, request(hdfs.at("src/"), hdfs.at("there/"), overwrite=Overwrite.ALWAYS)),
        lambda: run(job, request(hdfs.at("src"), hdfs.at("kept"), overwrite=Overwrite.NEVER)),
    )
    files = sum(data is not None for data in ODD.values())
    url = f"{cluster['webhdfs']}/webhdfs/v1"
    for folder, found in (("src", 200), ("new/de ep", 404), ("there", 404), ("kept", 404)):
        path = quote(hdfs.path(half.replace("src", folder, 1)))
        assert requests.get(f"{url}{path}", params={"op": "GETFILESTATUS"}, timeout=30).status_code == found
    assert hdfs.read("new/de ep") == ODD
    assert hdfs.read("there") == {**ODD, "there/already": b"x"}
    assert hdfs.read("kept") == {**ODD, **old}
    assert (missing.files, missing.skipped, missing.failed) == (files, 0, 0)
    assert missing.bytes == sum(len(data or b"") for data in ODD.values())
    assert missing.verified_by == "length, checksum by DistCp"
    assert (missing.route, missing.reason) == ("distcp", "asked for")
    assert missing.details["application_id"].startswith("application_")
    assert existing.files == files
    assert (kept.files, kept.skipped) == (files - 1, 1)


def test_only_what_changed_even_with_another_block_size_and_mirrored(
    job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]
) -> None:
    data = bytes(range(256)) * 12_288  # 3 MiB
    url = f"{cluster['webhdfs']}/webhdfs/v1{hdfs.path('src/blocks')}"
    made = requests.put(url, params={"op": "CREATE", "user.name": "root", "blocksize": str(MIB)}, data=data, timeout=30)
    made.raise_for_status()
    hdfs.fill("src", {"same": b"same", "changed": b"new"})
    hdfs.fill("dst", {"same": b"same", "changed": b"old", "extra/file": b"x"})
    report = run(job, request(hdfs.at("src"), hdfs.at("dst"), mirror=True))
    assert hdfs.read("dst") == {"same": b"same", "changed": b"new", "blocks": data}
    assert (report.files, report.skipped, report.deleted) == (2, 1, 2)


def test_a_lone_file_becomes_exactly_the_destination(job: DistCpJob, hdfs: Place) -> None:
    hdfs.write("src/f [1]", b"new")
    hdfs.write("src/g", b"g")
    hdfs.write("old", b"old")
    source = hdfs.address.with_path(hdfs.path("src/f \\[1\\]"))
    exact, below, over, several = together(
        lambda: run(job, request(source, hdfs.at("deep/er/t"))),
        lambda: run(job, request(source, hdfs.at("folder/"))),
        lambda: run(job, request(source, hdfs.at("old"), overwrite=Overwrite.ALWAYS)),
        lambda: run(job, request(hdfs.at("src/*"), hdfs.at("all"))),
    )
    assert hdfs.content("deep/er/t") == hdfs.content("folder/f [1]") == hdfs.content("old") == b"new"
    assert hdfs.read("all") == {"f [1]": b"new", "g": b"g"}
    assert [report.files for report in (exact, below, over, several)] == [1, 1, 1, 2]
    again = run(job, request(source, hdfs.at("deep/er/t"), overwrite=Overwrite.NEVER))
    assert (again.files, again.skipped) == (0, 1)
    assert again.details == {"job": "none was needed"}


def test_cloud_storage_there_and_back(job: DistCpJob, hdfs: Place, bucket: Place) -> None:
    # fake-gcs-server ignores a query with a semicolon in it, as Go's net/url does, and lists another folder then.
    # Cloud Storage itself holds no line break in a name, whatever fake-gcs-server takes.
    tree = {name: data for name, data in ODD.items() if ";" not in name and "\n" not in name}
    hdfs.fill("src", tree)
    up = run(job, request(hdfs.at("src"), bucket.at("in/put")))
    assert bucket.read("in/put") == tree
    assert up.files == sum(data is not None for data in tree.values())
    assert up.verified_by == "length, checksum by DistCp"
    down = run(job, request(bucket.at("in/put"), hdfs.at("back")))
    assert hdfs.read("back") == tree
    assert down.files == up.files


def test_s3_there_and_back(job: DistCpJob, hdfs: Place, s3: Place) -> None:
    # SeaweedFS makes a slash of a backslash.
    tree = {name: data for name, data in ODD.items() if "\\" not in name and "\n" not in name}
    hdfs.fill("src", tree)
    s3.fill("in/put", {"a": b"old", "extra": b"x"})
    up = run(job, request(hdfs.at("src"), s3.at("in/put"), mirror=True, max_delete=1.0))
    # Nothing beside it: no temporary file that was renamed, no marker of the job's own.
    assert s3.read("in/put") == tree
    assert (up.files, up.deleted) == (sum(data is not None for data in tree.values()), 1)
    assert up.verified_by == "length"
    asked = request(s3.at("in/put"), hdfs.at("back"))
    down = run(job, asked)
    assert hdfs.read("back") == tree
    assert down.files == up.files
    again = run(job, replace(asked, tag=f"{asked.tag}-again"))
    assert (again.files, again.details) == (0, {"job": "none was needed"})


def test_nothing_exists_before_a_conflict_is_told(job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]) -> None:
    hdfs.fill("src", {"a/b": b"1", "c": b"2"})
    hdfs.fill("file-above", {"a": b"x"})
    hdfs.fill("directory-below", {"c/d": b"x"})
    hdfs.write("file", b"x")
    for source, destination in [
        ("src", "file-above"),
        ("src", "directory-below"),
        ("src", "file"),
        ("src/c", "directory-below"),
        ("src", "src"),
        ("src", "src/a/inner"),
    ]:
        asked = request(hdfs.at(source), hdfs.at(destination))
        with pytest.raises(PathConflict):
            job.submit(asked)
        assert jobs_of(cluster, asked.tag) == []
    assert hdfs.read("file-above") == {"a": b"x"}


def test_what_one_job_cannot_do_is_refused(job: DistCpJob, hdfs: Place) -> None:
    hdfs.fill("src", {"a/b": b"1", "c": b"2"})
    hdfs.fill("full", {"1": b"", "2": b"", "3": b"", "c": b""})
    with pytest.raises(Refused, match="delete"):
        job.submit(request(hdfs.at("src"), hdfs.at("full"), mirror=True))
    with pytest.raises(Refused, match="cannot reach"):
        job.submit(request(hdfs.at("src"), Address.parse("file:///tmp/x")))


def test_an_empty_directory_takes_no_job(job: DistCpJob, hdfs: Place) -> None:
    hdfs.fill("src", {"a/b": None, "c": None})
    began = time.monotonic()
    report = run(job, request(hdfs.at("src"), hdfs.at("t")))
    assert time.monotonic() - began < 5
    assert report.files == 0
    assert hdfs.read("t") == {"a/b": None, "c": None}


def test_two_connections_of_one_cluster_cannot_hide_an_overlap(
    job: DistCpJob, hdfs: Place, ends: Connections, cluster: Mapping[str, str]
) -> None:
    class Twice:
        def get(self, connection_id: str) -> Connection:
            return ends.get("onprem" if connection_id == "other" else connection_id)

    hdfs.fill("src", {"a": b"1"})
    twice = DistCpJob(ends.get("hadoop"), Twice())
    same = Address("hdfs", "other", "", hdfs.path("src"))
    with pytest.raises(PathConflict):
        twice.submit(request(hdfs.at("src"), same, overwrite=Overwrite.ALWAYS))
    assert hdfs.read("src") == {"a": b"1"}


def test_a_running_job_is_joined_and_killed_without_debris(
    job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]
) -> None:
    hdfs.fill("src", {f"f{i}": bytes(24 * MIB) for i in range(3)})
    asked, before = request(hdfs.at("src"), hdfs.at("dst"), bandwidth=MIB), staging(hdfs)
    first = job.submit(asked)
    second = job.submit(asked)
    assert (first.joined, second.joined) == (False, True)
    assert second.application_id == first.application_id
    assert len(jobs_of(cluster, asked.tag)) == 1
    deadline = time.monotonic() + 60
    while not [e for e in hdfs.store.list(hdfs.path("dst")) if e.name.startswith(".distcp.tmp")]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    most, tasks = maps_at_once(cluster, first)
    assert (most, tasks) == (2, 3)  # more splits than were asked for, and yet no more at once
    job.kill(first)
    job.kill(second)
    progress = ended(job, second)
    assert progress.final_status == "KILLED"
    assert list(hdfs.store.list(hdfs.path("dst"))) == []
    assert staging(hdfs) <= before
    with pytest.raises(DistCpFailed, match="killed") as caught:
        job.result(second, asked)
    assert caught.value.retryable


def staging(hdfs: Place) -> set[str]:
    """What YARN's jobs and their clients keep, or have left."""
    folder = "/tmp/hadoop-yarn/staging/root/.staging"
    return {entry.name for entry in hdfs.store.list(folder)} if hdfs.store.exists(folder) else set()


def maps_at_once(cluster: Mapping[str, str], ref: JobRef) -> tuple[int, int]:
    url = f"{cluster['resourcemanager']}/proxy/{ref.application_id}/ws/v1/mapreduce/jobs/{ref.job_id}/tasks"
    most = tasks = 0
    for _ in range(10):
        found = requests.get(url, timeout=10).json()["tasks"]["task"]
        tasks = len(found)
        most = max(most, sum(task["state"] == "RUNNING" for task in found))
        time.sleep(0.5)
    return most, tasks


def test_what_fails_or_is_missing_is_never_a_success(job: DistCpJob, hdfs: Place) -> None:
    hdfs.fill("src", {"a": b"1" * 1000, "gone": b"2" * 1000})
    hdfs.fill("sound", {"a": b"1", "b": b"2"})

    def fails() -> TransferReport:
        asked = request(hdfs.at("src"), hdfs.at("dst"), maps=1, properties={"mapreduce.map.maxattempts": "1"})
        ref = job.submit(asked)
        hdfs.store.delete(hdfs.path("src/gone"))
        assert ended(job, ref).final_status == "FAILED"
        return job.result(ref, asked)

    def loses() -> TransferReport:
        asked = request(hdfs.at("sound"), hdfs.at("lost"))
        ref = job.submit(asked)
        ended(job, ref)
        hdfs.store.delete(hdfs.path("lost/b"))
        return job.result(ref, asked)

    with ThreadPoolExecutor(2) as pool:
        failing, losing = pool.submit(fails), pool.submit(loses)
        with pytest.raises(DistCpFailed, match="src/gone") as caught:
            failing.result()
        assert "FileNotFound" in str(caught.value)
        with pytest.raises(VerificationFailed, match="lost/b is missing"):
            losing.result()


def test_a_job_that_has_ended_well_is_not_run_again(job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]) -> None:
    hdfs.fill("src", {"a": b"1", "b/c": b"2"})
    asked = request(hdfs.at("src"), hdfs.at("dst"), overwrite=Overwrite.ALWAYS)
    first = job.submit(asked)
    assert ended(job, first).succeeded
    again = job.submit(asked)
    assert (again.application_id, again.joined, again.ended) == (first.application_id, True, True)
    assert job.result(again, asked).files == 2
    anew = job.submit(asked, anew=True)
    assert anew.application_id != first.application_id
    assert ended(job, anew).succeeded
    assert len(jobs_of(cluster, asked.tag)) == 2
    # As if a thousand others had ended since: YARN knows the tag no more, and the JobHistory server the job.
    unknown = replace(anew, application_id="application_1_0001")
    forgotten = job.submit(replace(asked, tag=f"{asked.tag}-forgotten"), earlier=unknown)
    assert (forgotten.application_id, forgotten.ended) == ("application_1_0001", True)


def test_nobody_s_job_ends_by_itself_and_a_command_ends_another(
    job: DistCpJob, hdfs: Place, cluster: Mapping[str, str], ends: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    hdfs.fill("src", {"f": bytes(64 * MIB)})
    lent, other = (
        request(hdfs.at("src"), hdfs.at(f"dst{n}"), maps=1, bandwidth=MIB, tag=f"datamove-{uuid.uuid4().hex}")
        for n in range(2)
    )
    with ThreadPoolExecutor(2) as pool:
        refs = list(pool.map(job.submit, (lent, other)))
    job.lend(refs[0], 3600)
    job.lend(refs[0], 1)
    for connection in ("HADOOP", "ONPREM"):
        found = ends.get(connection.lower())
        values = {"conn_type": found.type, "host": found.host, "port": found.port, "extra": dict(found.extra)}
        monkeypatch.setenv(f"AIRFLOW_CONN_{connection}", json.dumps({**values, "login": found.login}))
    began = time.monotonic()
    assert main(["cancel", other.tag, "--hadoop", "hadoop", "--destination", str(hdfs.at("dst1"))]) == 0
    assert job.poll(refs[1]).final_status == "KILLED"
    assert time.monotonic() - began < 10
    assert main(["cancel", refs[1].application_id, "--hadoop", "hadoop"]) == 0
    assert ended(job, refs[0]).final_status == "KILLED"


def test_of_two_submitted_at_once_one_survives(job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]) -> None:
    hdfs.fill("src", {"f": bytes(64 * MIB)})
    asked = request(hdfs.at("src"), hdfs.at("dst"), maps=1, bandwidth=MIB)
    with ThreadPoolExecutor(2) as pool:
        # Both have looked for a job of the tag before either client has begun.
        prepared = [job.prepare(asked) for _ in range(2)]
        commands = [each.command for each in prepared if each.command is not None]
        assert len(commands) == 2
        job.prepare(asked).make_directories(job._connections)
        clients = [pool.submit(job.client.submit, command, asked.tag, None) for command in commands]
        (one, joined), (other, also_joined) = (client.result() for client in clients)
    assert one == other
    assert sorted((joined, also_joined)) == [False, True]
    deadline = time.monotonic() + 30
    while len(left := [app for app in jobs_of(cluster, asked.tag) if app["state"] != "KILLED"]) > 1:
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
    assert [app["id"] for app in left] == [one]
    assert len(jobs_of(cluster, asked.tag)) == 2
    job.kill(job._ref(one, asked, None))


def test_a_cancel_kills_the_client(ends: Connections, hdfs: Place, cluster: Mapping[str, str]) -> None:
    hdfs.fill("src", {"f": bytes(8 * MIB)})
    stop, tag = threading.Event(), f"test-{uuid.uuid4().hex}"
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run_to_end(
            hdfs.at("src"), hdfs.at("dst"), ends, hadoop="hadoop", cancelled=stop, tag=tag, maps=1, bandwidth=MIB
        )
    assert time.monotonic() - began < 6
    time.sleep(3)
    assert jobs_of(cluster, tag) == []


def test_a_cancel_kills_the_job(ends: Connections, hdfs: Place, cluster: Mapping[str, str]) -> None:
    hdfs.fill("src", {"f": bytes(64 * MIB)})  # a minute at this bandwidth
    stop, tag = threading.Event(), f"test-{uuid.uuid4().hex}"

    def cancel_once_it_is_there() -> None:
        while not jobs_of(cluster, tag):
            time.sleep(0.1)
        stop.set()

    threading.Thread(target=cancel_once_it_is_there, daemon=True).start()
    with pytest.raises(Cancelled):
        run_to_end(
            hdfs.at("src"), hdfs.at("dst"), ends, hadoop="hadoop", cancelled=stop, tag=tag, maps=1, bandwidth=MIB
        )
    assert stop.is_set()
    (app,) = jobs_of(cluster, tag)
    assert (app["state"], app["finalStatus"]) == ("KILLED", "KILLED")


def test_a_cluster_that_is_away_is_told_within_seconds(ends: Connections) -> None:
    there = ends.get("hadoop")
    away = Connection("away", "hadoop", extra={**there.extra, "resource_manager": "http://127.0.0.1:1"})
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match="'away'"):
        DistCpJob(away, ends).check()
    assert time.monotonic() - began < 5
