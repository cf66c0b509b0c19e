"""Our list on a real HDFS and YARN: what it names is copied, to where it says, and nothing else.

A job takes 12 to 18 s, so those that do not touch each other run side by side.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow.parquet
import pytest
import requests

from airflow_datamove.address import Address
from airflow_datamove.distcp.job import DistCpJob, DistCpRequest
from airflow_datamove.errors import CopyFailed, DistCpFailed, PathConflict, Refused
from airflow_datamove.stores.connection import Connection, Connections
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.options import CopyOptions, Overwrite, Publish, Verify
from tests.distcp.test_job import ended, jobs_of, run, together
from tests.distcp.tree import ODD, Place

MIB = 2**20


def asked(
    source: Address, destination: Address, *, maps: int = 2, bandwidth: int = 64 * MIB, **options: Any
) -> DistCpRequest:
    tag = f"test-{uuid.uuid4().hex}"
    return DistCpRequest(source, destination, CopyOptions(**options), tag, f"to {destination}", maps, bandwidth)


def test_what_the_words_choose(job: DistCpJob, hdfs: Place) -> None:
    tree = {"a.gz": b"1", "b.txt": b"22", "logs/c.gz": b"333", "logs/d.txt": b"", "tmp/e.gz": b"4", "empty": None}
    hdfs.fill("src", tree)
    # Of the same length as their sources and newer, so that only a checksum tells which of them differ.
    hdfs.fill("old", {"a.gz": b"9", "b.txt": b"22", "logs/c.gz": b"x"})
    hdfs.write("names", b'a.gz\n"logs/c.gz"\n')
    manifest = hdfs.at("names")
    filters = Filters(include=("*.gz",), exclude=("tmp",))
    reports = together(
        lambda: run(job, asked(hdfs.at("src"), hdfs.at("old"))),
        lambda: run(job, asked(hdfs.at("src"), hdfs.at("filtered"), filters=filters)),
        lambda: run(job, asked(hdfs.at("src"), hdfs.at("named"), manifest=manifest)),
        lambda: run(job, asked(hdfs.at("src/*"), hdfs.at("matched"))),
    )
    changed, filtered, named, matched = reports
    assert hdfs.read("old") == tree
    assert hdfs.read("filtered") == hdfs.read("named") == {"a.gz": b"1", "logs/c.gz": b"333"}
    assert hdfs.read("matched") == tree
    assert (changed.files, changed.skipped) == (4, 1)
    assert (filtered.files, filtered.filtered, filtered.skipped) == (2, 2, 0)
    assert (named.files, named.skipped) == (2, 0)
    assert matched.files == 5


def test_a_lone_file_whatever_its_names(job: DistCpJob, hdfs: Place) -> None:
    hdfs.fill("src", {" -update [x] {a,b}\n%20 ": b"new", "f": b"1"})
    hdfs.fill("there", {"f": b"0", "newer": b"1"})
    odd = hdfs.address.with_path(hdfs.path(r"src/ -update \[x\] \{a,b\}" + "\n%20 "))
    below, same, changed = together(
        lambda: run(job, asked(odd, hdfs.address.with_path(hdfs.path("deep/er/")))),
        lambda: run(job, asked(hdfs.at("src/f"), hdfs.at("there/newer"))),
        lambda: run(job, asked(hdfs.at("src/f"), hdfs.at("there/f"))),
    )
    assert hdfs.read("deep/er") == {" -update [x] {a,b}\n%20 ": b"new"}
    assert hdfs.read("there") == {"f": b"1", "newer": b"1"}
    assert [(each.files, each.skipped) for each in (below, same, changed)] == [(1, 0), (0, 1), (1, 0)]


def test_what_is_named_beside_what_is_there(job: DistCpJob, hdfs: Place, bucket: Place) -> None:
    tree = {name: data for name, data in ODD.items() if ";" not in name and "\n" not in name}
    hdfs.fill("src", tree)
    bucket.fill("t", {"a": b"0", "sub [é] */more": b"x"})
    up = run(job, asked(hdfs.at("src"), bucket.at("t"), overwrite=Overwrite.NEVER, receipt=hdfs.at("receipt")))
    assert bucket.read("t") == {**tree, "a": b"0", "sub [é] */more": b"x"}
    count = sum(data is not None for data in tree.values())
    assert (up.files, up.skipped) == (count - 1, 1)
    with hdfs.store.open(hdfs.path("receipt")) as reader:
        rows = pyarrow.parquet.read_table(pyarrow.BufferReader(reader.read())).to_pylist()
    outcomes = {row["path"]: (row["outcome"], row["route"]) for row in rows}
    assert outcomes.pop("a") == ("skipped", "distcp")
    assert set(outcomes) == {name for name, data in tree.items() if data is not None and name != "a"}
    assert set(outcomes.values()) == {("copied", "distcp")}


def test_an_error_budget_is_for_what_is_missing(job: DistCpJob, hdfs: Place) -> None:
    hdfs.fill("src", {"a": b"1", "gone": b"2", "c": b"3"})
    hdfs.write("names", b"a\nlost\nc\n")
    manifest = hdfs.at("names")

    def loses(budget: int) -> Any:
        request = asked(hdfs.at("src"), hdfs.at(f"lost-{budget}"), manifest=manifest, error_budget=budget)
        return run(job, request)

    report = loses(1)
    assert (report.files, report.failed, report.failures[0]["path"]) == (2, 1, "lost")
    with pytest.raises(CopyFailed, match="1 of 3 files failed"):
        loses(0)
    assert hdfs.read("lost-0") == {"a": b"1", "c": b"3"}

    request = asked(hdfs.at("src"), hdfs.at("t"), maps=1, error_budget=1)
    ref = job.submit(request)
    hdfs.store.delete(hdfs.path("src/gone"))
    assert ended(job, ref).final_status == "SUCCEEDED"
    found = job.result(ref, request)
    assert (found.files, found.failed) == (2, 1)
    with pytest.raises(DistCpFailed, match="1 files failed"):
        job.result(ref, replace(request, options=CopyOptions()))


def test_the_client_does_not_submit_beside_a_job_of_its_tag(
    job: DistCpJob, hdfs: Place, ends: Connections, cluster: Mapping[str, str]
) -> None:
    hdfs.fill("src", {"f": bytes(64 * MIB)})
    request = asked(hdfs.at("src"), hdfs.at("t"), maps=1, bandwidth=MIB)
    late = job.prepare(request)
    first = job.submit(request)
    assert late.command is not None
    assert late.command.jar is not None
    done = subprocess.run(
        [cluster["command"], "distcp", *late.arguments],
        env={"HADOOP_CLASSPATH": str(late.command.jar), "HADOOP_CONF_DIR": cluster["conf_dir"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    late.close()
    job.kill(first)
    assert f"java.io.IOException: datamove: joined {first.application_id}\n" in done.stdout + done.stderr
    assert done.returncode != 0
    assert [app["id"] for app in jobs_of(cluster, request.tag)] == [first.application_id]


def test_files_of_other_block_sizes(job: DistCpJob, hdfs: Place, cluster: Mapping[str, str]) -> None:
    data = bytes(range(256)) * 12_288  # 3 MiB
    url = f"{cluster['webhdfs']}/webhdfs/v1{hdfs.path('src/blocks')}"
    query = {"op": "CREATE", "user.name": "root", "blocksize": str(MIB)}
    requests.put(url, params=query, data=data, timeout=30).raise_for_status()
    report = run(job, asked(hdfs.at("src"), hdfs.at("t")))
    again = run(job, asked(hdfs.at("src"), hdfs.at("t")))
    assert hdfs.read("t") == {"blocks": data}
    assert [(each.files, each.skipped) for each in (report, again)] == [(1, 0), (0, 1)]


def test_a_client_that_cannot_be_given_our_list(hdfs: Place, ends: Connections) -> None:
    there = ends.get("hadoop")
    plain = DistCpJob(Connection("plain", "hadoop", login="root", extra={**there.extra, "listing": "plain"}), ends)
    hdfs.fill("src", ODD)
    for policy in Overwrite:
        hdfs.fill(str(policy), {"a": b"old", "more": b"x"})
    wanted = [asked(hdfs.at("src"), hdfs.at(str(policy)), overwrite=policy) for policy in Overwrite]
    reports = together(*(partial(run, plain, each) for each in wanted))
    count = sum(data is not None for data in ODD.values())
    assert [(each.files, each.skipped) for each in reports] == [(count - 1, 1), (count, 0), (count, 0)]
    for policy in Overwrite:
        kept = {"a": b"old"} if policy is Overwrite.NEVER else {}
        assert hdfs.read(str(policy)) == {**ODD, **kept, "more": b"x"}
    for refused in (
        asked(hdfs.at("src/*"), hdfs.at("t")),
        asked(hdfs.at("src"), hdfs.at("t"), filters=Filters(include=("a",))),
        asked(hdfs.at("src"), hdfs.at("t"), manifest=hdfs.at("m")),
    ):
        with pytest.raises(Refused):
            plain.prepare(refused)


def test_what_no_list_helps_with(job: DistCpJob, hdfs: Place, ends: Connections) -> None:
    hdfs.fill("src", {"d/a": b"1"})
    for options in ({"publish": Publish.TOGETHER}, {"verify": Verify.READ_BACK}):
        with pytest.raises(Refused, match="route distcp is impossible"):
            job.prepare(asked(hdfs.at("src"), hdfs.at("t"), **options))

    class Twice:
        def get(self, connection_id: str) -> Connection:
            return ends.get("onprem" if connection_id == "other" else connection_id)

    inside = Address("hdfs", "other", "", hdfs.path("src/d/t"))
    with pytest.raises(PathConflict):
        DistCpJob(ends.get("hadoop"), Twice()).prepare(asked(hdfs.at("src/*"), inside))
    began = time.monotonic()
    assert job.prepare(asked(hdfs.at("src"), hdfs.at("src2"))).command is not None
    assert time.monotonic() - began < 5
