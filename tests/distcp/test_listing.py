"""Our list as a file; what Hadoop's client makes of it is `test_listing_jobs.py`'s."""

from __future__ import annotations

import io
import shutil
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from airflow_datamove.distcp.listing import CLASS, JAR, UniqueNames, write_listing
from airflow_datamove.errors import Refused
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.plan import CopyPlan, FileCopy

JAVA = Path(__file__).resolve().parents[2] / "java"


def plan_of(*names: str, root: Root = Root.DIRECTORY, directories: tuple[str, ...] = ()) -> CopyPlan:
    plan = CopyPlan(root)
    for name in names:
        plan.copies.append(FileCopy(name, Entry(f"/s/{name}", Kind.FILE, 7, 1.5), f"/t/{name}"))
    for path in directories:
        plan.new_directories.append(path)
    return plan


def fields(plan: CopyPlan, base: str = "/t") -> list[str]:
    to = io.BytesIO()
    write_listing(plan, "hdfs://nn/s", base, to)
    *found, last = to.getvalue().decode().split("\0")
    assert last == ""
    return found


def test_what_is_made_and_what_is_copied() -> None:
    found = fields(plan_of("a\nb", "d/é ", directories=("/t", "/t/empty")))
    assert found == [
        *["datamove-copy-listing-1", "hdfs://nn/s", ""],
        *["d", "0", "", "d", "0", "empty"],
        *["7", "1500", "a\nb", "7", "1500", "d/é "],
        "end",
    ]


def test_a_lone_file_gets_its_name_at_the_destination() -> None:
    assert fields(plan_of("f", root=Root.FILE), "/t/g")[2:] == ["g", "7", "1500", "", "end"]


def test_a_destination_that_is_the_whole_store() -> None:
    assert fields(plan_of(directories=("/empty",)), "/")[3:] == ["d", "0", "empty", "end"]


@pytest.mark.parametrize("name", ["a:b", "x/.snapshot", "a//b", "\ud800"])
def test_names_that_hadoop_cannot_hold(name: str) -> None:
    with pytest.raises(Refused):
        fields(plan_of(name))
    with pytest.raises(Refused):
        fields(plan_of(directories=(f"/t/{name}",)))


def test_memory_does_not_follow_the_number_of_files(tmp_path: Path) -> None:
    plan = plan_of(*(f"directory/file-{number:06d}" for number in range(30_000)))
    tracemalloc.start()
    with (tmp_path / "list").open("wb") as file:
        write_listing(plan, "hdfs://nn/s", "/t", file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20
    assert (tmp_path / "list").stat().st_size > 30_000 * 28


def test_a_name_that_is_a_file_and_a_directory() -> None:
    def told(*things: tuple[str, Kind]) -> None:
        names = UniqueNames()
        for relative, kind in things:
            names(relative, Entry(f"/{relative}", kind))

    file, directory = Kind.FILE, Kind.DIRECTORY
    told(("a", file), ("a-b", directory), ("a-b/c", file), ("b", directory), ("b/a", file))
    for clash in (
        [("a", file), ("a", directory)],
        [("a", directory), ("a", file)],
        [("x", directory), ("x/a", file), ("x/a-b", file), ("x/a", directory)],
    ):
        with pytest.raises(Refused, match="at once"):
            told(*clash)


def test_the_jar_holds_the_class_for_java_8() -> None:
    with zipfile.ZipFile(JAR) as jar:
        code = jar.read(f"{CLASS.replace('.', '/')}.class")
    assert int.from_bytes(code[6:8]) == 52
    assert JAR.stat().st_size < 20_000


def test_the_jar_is_what_its_sources_give(tmp_path: Path) -> None:
    compiler = shutil.which("javac")
    version = subprocess.run([compiler, "-version"], capture_output=True, text=True).stdout if compiler else ""
    if not version.startswith("javac 17.") or shutil.which("mvn") is None:
        pytest.skip("another JDK may write other bytes: it takes Maven and a JDK 17")
    subprocess.run([JAVA / "build.sh", tmp_path], check=True, timeout=300)
    assert (tmp_path / JAR.name).read_bytes() == JAR.read_bytes(), "run `make jar`"
