from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.distcp.listing import JAR
from airflow_datamove.distcp.plain import Shape, judge_of, plan_plain
from airflow_datamove.distcp.plan import Command, Judge, Settings, maps_judge, plan_listed
from airflow_datamove.transfer.options import Overwrite

LISTING = Path("/var/tmp/datamove/listing")


def settings(**values: Any) -> Settings:
    given = {"source": "hdfs://nn/s", "target": "hdfs://nn/t", "tag": "t1", "name": "n", "maps": 3}
    return Settings(**{**given, "bandwidth": 5 * 2**20, "judge": Judge.NOBODY, **values})


def listed(**values: Any) -> Command:
    return plan_listed(settings(**values), LISTING, alone=False)


def plain(
    shape: Shape = Shape.DIRECTORY,
    overwrite: Overwrite = Overwrite.IF_CHANGED,
    children: Sequence[str] = ("a", "b"),
    **values: Any,
) -> Command | None:
    return plan_plain(shape, settings(judge=judge_of(overwrite), **values), children)


def some(command: Command | None) -> Command:
    assert command is not None
    return command


COMMON = [
    "-Dmapreduce.job.tags=t1",
    "-Dmapreduce.job.name=n",
    "-Dmapreduce.job.running.map.limit=3",
    "-Ddfs.checksum.combine.mode=COMPOSITE_CRC",
    "-Dmapreduce.task.progress-report.interval=3000",
]


def test_the_whole_command() -> None:
    found = listed(queue="tenants")
    assert found.arguments == [
        "-Ddatamove.copy.listing=file:///var/tmp/datamove/listing",
        *COMMON,
        "-Ddistcp.copy.listing.class=io.github.airflow_datamove.PlannedCopyListing",
        "-Dmapreduce.job.queuename=tenants",
        *["-async", "-m", "3", "-bandwidth", "5", "-overwrite", "hdfs://nn/s/", "hdfs://nn/t/"],
    ]
    assert found.arguments_with("file:///elsewhere")[0] == "-Ddatamove.copy.listing=file:///elsewhere"
    assert found.jar == JAR


def test_the_whole_plain_command() -> None:
    found = some(plain(queue="tenants"))
    assert (found.listing, found.jar) == (None, None)
    assert found.arguments == [
        *COMMON,
        "-Ddistcp.filters.class=org.apache.hadoop.tools.RegexpInConfigurationFilter",
        r"-Ddistcp.exclude-file-regex=.*/\.datamove-[0-9a-f]{32}(\.[0-9]{6})?\.(part|done|upload)",
        "-Dmapreduce.job.queuename=tenants",
        *["-async", "-m", "3", "-bandwidth", "5", "-update", "-numListstatusThreads", "16"],
        *["hdfs://nn/s/", "hdfs://nn/t/"],
    ]


@pytest.mark.parametrize(
    ("source", "target", "judged"),
    [
        ("hdfs://nn/s", "hdfs://other/t", True),
        ("hdfs://nn/s", "gs://b/t", False),  # the worker could not
        ("gs://b/s", "hdfs://nn/t", False),
        ("hdfs://nn/s", "s3a://b/t", False),
        ("gs://b/s", "gs://b/t", False),  # both listings tell checksums
        ("hdfs://nn/s", "abfs://c@a.dfs.core.windows.net/t", False),
        ("webhdfs://nn:9870/s", "hdfs://nn/t", False),
    ],
)
def test_maps_compare_where_the_worker_would_compare_the_same(source: str, target: str, judged: bool) -> None:
    assert maps_judge(Overwrite.IF_CHANGED, source, target) is judged
    assert not maps_judge(Overwrite.NEVER, source, target)
    assert not maps_judge(Overwrite.ALWAYS, source, target)
    assert ("-update" in listed(judge=Judge.MAP).options, "-overwrite" in listed().options) == (True, True)


def test_a_lone_file_is_named_by_its_place_in_the_target_s_directory() -> None:
    for target, directory in [("hdfs://nn/t", "hdfs://nn/"), ("gs://b/x/t", "gs://b/x/"), ("gs://b/t", "gs://b/")]:
        assert plan_listed(settings(target=target), LISTING, alone=True).target == directory


def test_failures_are_ignored_only_where_that_is_asked_for() -> None:
    assert "-i" not in listed().options
    assert "-i" in listed(ignore_failures=True).options


@pytest.mark.parametrize(
    ("overwrite", "flag"),
    [(Overwrite.NEVER, None), (Overwrite.IF_CHANGED, "-update"), (Overwrite.ALWAYS, "-overwrite")],
)
@pytest.mark.parametrize("shape", Shape)
def test_one_flag_says_what_happens_to_existing_files(overwrite: Overwrite, flag: str | None, shape: Shape) -> None:
    found = some(plain(shape, overwrite))
    assert {"-update", "-overwrite", ""} & set(found.options) == ({flag} if flag else set())


def test_keeping_what_exists_names_the_children() -> None:
    assert some(plain(Shape.DIRECTORY, Overwrite.NEVER)).sources == ("hdfs://nn/s/a/", "hdfs://nn/s/b/")
    assert some(plain(Shape.DIRECTORY, Overwrite.NEVER, ["only"])).sources == ("hdfs://nn/s/only/",)


def test_files_of_a_glob_are_named_in_every_mode() -> None:
    for overwrite in Overwrite:
        assert some(plain(Shape.FILES, overwrite)).sources == ("hdfs://nn/s/a/", "hdfs://nn/s/b/")


def test_a_file_is_one_source() -> None:
    for overwrite in Overwrite:
        assert some(plain(Shape.FILE, overwrite, ())).sources == ("hdfs://nn/s/",)


def test_an_empty_directory_needs_no_job() -> None:
    for overwrite in Overwrite:
        assert plain(Shape.DIRECTORY, overwrite, ()) is None


def test_an_object_store_commits_at_once() -> None:
    to_gs = listed(target="gs://bucket/t")
    assert "-direct" in to_gs.options
    assert "-Dfs.gs.checksum.type=CRC32C" in to_gs.options
    from_gs = listed(source="gs://bucket/s")
    assert "-direct" not in from_gs.options
    assert "-Dfs.gs.checksum.type=CRC32C" in from_gs.options
    to_s3 = listed(target="s3a://bucket/t")
    assert "-direct" in to_s3.options
    assert "-Dfs.s3a.etag.checksum.enabled=false" in to_s3.options
    assert "-Dfs.s3a.etag.checksum.enabled=false" in listed(source="s3a://bucket/s").options
    assert "-direct" not in listed(source="s3a://bucket/s").options
    assert "-direct" not in listed(target="abfs://c@a.dfs.core.windows.net/t").options


def test_a_request_may_set_properties() -> None:
    options = listed(properties={"mapreduce.task.timeout": "600000", "dfs.checksum.combine.mode": "MD5MD5CRC"}).options
    assert "-Dmapreduce.task.timeout=600000" in options
    assert [o for o in options if "combine.mode" in o] == ["-Ddfs.checksum.combine.mode=MD5MD5CRC"]


def test_a_name_stays_on_one_line_and_names_no_variable() -> None:
    assert "-Dmapreduce.job.name=a b $ {env.HOME}" in listed(name="a\nb ${env.HOME}").options


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(
    st.sampled_from(Shape),
    st.sampled_from(Overwrite),
    st.lists(NAMES, max_size=4),
    st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from(["hdfs://nn", "gs://b", "abfs://c@a.dfs.core.windows.net"]),
)
def test_any_names(shape: Shape, overwrite: Overwrite, children: list[str], path: list[str], root: str) -> None:
    source, target = f"{root}/{'/'.join(path)}", f"{root}/t/{'/'.join(path)}"
    found = plain(shape, overwrite, children, source=source, target=target)
    if found is None:
        assert not children
        return
    first_path = next(i for i, argument in enumerate(found.arguments) if argument.startswith(root))
    assert all(argument.startswith(root) for argument in found.arguments[first_path:])
    assert all(argument.endswith("/") for argument in found.arguments[first_path:])
    assert found.target == f"{target}/"
    for whole, escaped in zip([source] if len(found.sources) == 1 else [], found.sources, strict=False):
        assert unescaped(escaped).startswith(whole)
    for escaped in found.sources:
        # What is left after taking escaped pairs away holds no glob character.
        assert not re.search(r"[*?\[\]{}\\]", re.sub(r"\\.", "", escaped))
    if shape is not Shape.FILE and (shape is Shape.FILES or overwrite is Overwrite.NEVER):
        assert [unescaped(each) for each in found.sources] == [f"{source}/{name}/" for name in children]


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
