import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.distcp.plan import Command, Job, Shape, plan_command
from airflow_datamove.transfer.options import Overwrite


def job(
    shape: Shape = Shape.DIRECTORY,
    overwrite: Overwrite = Overwrite.IF_CHANGED,
    children: Sequence[str] = ("a", "b"),
    source: str = "hdfs://nn/s",
    target: str = "hdfs://nn/t",
    properties: Mapping[str, str] | None = None,
    **more: Any,
) -> Job:
    values: dict[str, Any] = {"tag": "t1", "name": "n", "maps": 3, "bandwidth": 5 * 2**20, **more}
    return Job(shape, source, target, overwrite, children=children, properties=properties or {}, **values)


def command(*args: Any, **kwargs: Any) -> Command:
    found = plan_command(job(*args, **kwargs))
    assert found is not None
    return found


def test_the_whole_command() -> None:
    assert command(queue="tenants").arguments == [
        "-Dmapreduce.job.tags=t1",
        "-Dmapreduce.job.name=n",
        "-Dmapreduce.job.running.map.limit=3",
        "-Ddfs.checksum.combine.mode=COMPOSITE_CRC",
        "-Dmapreduce.task.progress-report.interval=3000",
        "-Ddistcp.filters.class=org.apache.hadoop.tools.RegexpInConfigurationFilter",
        r"-Ddistcp.exclude-file-regex=.*/\.datamove-[0-9a-f]{32}(\.[0-9]{6})?\.(part|done|upload)",
        "-Dmapreduce.job.queuename=tenants",
        "-async",
        "-m",
        "3",
        "-bandwidth",
        "5",
        "-numListstatusThreads",
        "16",
        "-update",
        "hdfs://nn/s/",
        "hdfs://nn/t/",
    ]


@pytest.mark.parametrize(
    ("overwrite", "flag"),
    [(Overwrite.NEVER, None), (Overwrite.IF_CHANGED, "-update"), (Overwrite.ALWAYS, "-overwrite")],
)
@pytest.mark.parametrize("shape", Shape)
def test_one_flag_says_what_happens_to_existing_files(overwrite: Overwrite, flag: str | None, shape: Shape) -> None:
    assert {"-update", "-overwrite"} & set(command(shape, overwrite).options) == ({flag} if flag else set())


def test_keeping_what_exists_names_the_children() -> None:
    assert command(Shape.DIRECTORY, Overwrite.NEVER).sources == ("hdfs://nn/s/a/", "hdfs://nn/s/b/")
    assert command(Shape.DIRECTORY, Overwrite.NEVER, ["only"]).sources == ("hdfs://nn/s/only/",)


def test_files_of_a_glob_are_named_in_every_mode() -> None:
    for overwrite in Overwrite:
        assert command(Shape.FILES, overwrite).sources == ("hdfs://nn/s/a/", "hdfs://nn/s/b/")


def test_a_file_is_one_source() -> None:
    for overwrite in Overwrite:
        assert command(Shape.FILE, overwrite, ()).sources == ("hdfs://nn/s/",)


def test_an_empty_directory_needs_no_job() -> None:
    for overwrite in Overwrite:
        assert plan_command(job(Shape.DIRECTORY, overwrite, ())) is None


def test_an_object_store_commits_at_once() -> None:
    to_gs = command(target="gs://bucket/t")
    assert "-direct" in to_gs.options
    assert "-Dfs.gs.checksum.type=CRC32C" in to_gs.options
    from_gs = command(source="gs://bucket/s")
    assert "-direct" not in from_gs.options
    assert "-Dfs.gs.checksum.type=CRC32C" in from_gs.options
    assert "-direct" not in command(target="abfs://c@a.dfs.core.windows.net/t").options


def test_a_request_may_set_properties() -> None:
    options = command(properties={"mapreduce.task.timeout": "600000", "dfs.checksum.combine.mode": "MD5MD5CRC"}).options
    assert "-Dmapreduce.task.timeout=600000" in options
    assert [o for o in options if "combine.mode" in o] == ["-Ddfs.checksum.combine.mode=MD5MD5CRC"]


def test_a_name_stays_on_one_line() -> None:
    assert "-Dmapreduce.job.name=a b" in command(name="a\nb").options


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
    found = plan_command(job(shape, overwrite, children, source, target))
    if found is None:
        assert not children
        return
    first_path = next(i for i, argument in enumerate(found.arguments) if argument.startswith(root))
    assert all(argument.startswith(root) for argument in found.arguments[first_path:])
    assert all(argument.endswith("/") for argument in found.arguments[first_path:])
    assert found.target == f"{target}/"
    for plain, escaped in zip([source] if len(found.sources) == 1 else [], found.sources, strict=False):
        assert unescaped(escaped).startswith(plain)
    for escaped in found.sources:
        # What is left after taking escaped pairs away holds no glob character.
        assert not re.search(r"[*?\[\]{}\\]", re.sub(r"\\.", "", escaped))
    if shape is not Shape.FILE and (shape is Shape.FILES or overwrite is Overwrite.NEVER):
        assert [unescaped(each) for each in found.sources] == [f"{source}/{name}/" for name in children]


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
