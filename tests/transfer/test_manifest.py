from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_datamove.address import Address
from airflow_datamove.errors import CopyFailed, NotFound, StoreError, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer import manifest as module
from airflow_datamove.transfer.copy import copy, prepare_copy
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.options import CopyOptions
from tests.faults.proxy import proxying
from tests.stores.dead_server import unused_port
from tests.transfer.ends import Ends
from tests.transfer.trees import NOTHING, destination_of, make, read, run, source_of

TREE = {"a": b"1", "d/b": b"2", "d/e/c": b"3", "# no comment": b"4", '"quoted"': b"5", "new\nline": b"6", " x ": b"7"}


def _with(top: Path, text: str) -> CopyOptions:
    (top / "manifest").write_bytes(text.encode())
    return CopyOptions(manifest=destination_of(top / "manifest"))


def test_only_what_a_manifest_names_is_copied_whatever_its_lines_end_with(tmp_path: Path) -> None:
    make(tmp_path / "s", dict(TREE))
    text = (
        "# a comment\r\n\r\na\r\nd/e/c\n\n x \n" + json.dumps("# no comment") + "\r\n" + json.dumps('"quoted"') + "\n"
    )
    report = run(
        source_of(tmp_path / "s"), destination_of(tmp_path / "t"), _with(tmp_path, text + json.dumps("new\nline"))
    )
    names = {"a", "d/e/c", " x ", "# no comment", '"quoted"', "new\nline"}
    assert read(tmp_path / "t") == {name: TREE[name] for name in names}
    assert report.files == 6


def test_names_that_are_missing_or_directories_are_failures_of_those_files(tmp_path: Path) -> None:
    make(tmp_path / "s", dict(TREE))
    options = _with(tmp_path, "a\nmissing\nd/missing\nd/e\nd/b\n")
    with pytest.raises(CopyFailed, match="3 of 5 files failed") as caught:
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert {path for path, _ in caught.value.failures} == {"missing", "d/missing", "d/e"}
    assert read(tmp_path / "t") == {"a": b"1", "d/b": b"2"}


@pytest.mark.parametrize("line", ["/a", "../a", "a/../b", "a//b", "./a", "a/", '"a', '"\\u0000"'])
def test_a_line_that_is_no_path_below_the_source_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    make(tmp_path / "s", dict(TREE))
    with pytest.raises(WrongUse, match="line 2 of the manifest"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), _with(tmp_path, f"a\n{line}\n"))
    assert not (tmp_path / "t").exists()


def test_a_manifest_that_is_no_text_or_is_not_there(tmp_path: Path) -> None:
    make(tmp_path, {"s/a": b"1", "bad": b"a\n\xff\n"})
    with pytest.raises(WrongUse, match="not UTF-8"):
        run(
            source_of(tmp_path / "s"),
            destination_of(tmp_path / "t"),
            CopyOptions(manifest=destination_of(tmp_path / "bad")),
        )
    with pytest.raises(StoreError, match="the manifest cannot be read") as caught:
        run(
            source_of(tmp_path / "s"),
            destination_of(tmp_path / "t"),
            CopyOptions(manifest=destination_of(tmp_path / "none")),
        )
    assert not caught.value.retryable
    assert isinstance(caught.value.__cause__, NotFound)


def test_a_manifest_on_a_server_that_is_away_is_worth_another_try() -> None:
    value = {"conn_type": "wasb", "host": f"http://127.0.0.1:{unused_port()}/x", "login": "x", "password": "eA=="}
    nowhere = EnvironmentConnections({"AIRFLOW_CONN_BLOB": json.dumps(value)})
    with pytest.raises(StoreUnavailable, match="the manifest cannot be read"):
        list(read_manifest(Address.parse("abfs://blob@c/manifest"), nowhere))


LINES = st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=20), max_size=8)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 9))
def test_lines_come_as_they_were_written_however_they_are_read(lines: list[str], step: int) -> None:
    import tempfile

    assume(any(lines) and not lines[0].startswith("\ufeff"))
    with tempfile.NamedTemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STEP", step)
        file.write("\n".join(lines).encode())
        file.flush()
        found = list(read_manifest(destination_of(file.name), NOTHING))
    while lines and not lines[-1]:
        lines.pop()
    while found and not found[-1]:
        found.pop()
    assert found == lines


def test_a_manifest_does_not_lead_through_a_symlink_out_of_the_source(tmp_path: Path) -> None:
    make(tmp_path, {"outside/d/secret": b"secret", "s/a": b"1", "list": b"a\nlink/d/secret\n"})
    os.symlink(tmp_path / "outside", tmp_path / "s" / "link")
    options = CopyOptions(manifest=destination_of(tmp_path / "list"))
    with pytest.raises(CopyFailed, match=r"link/d/secret.*a symlink is not followed"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert read(tmp_path / "t") == {"a": b"1"}


def test_several_of_the_names_are_asked_for_at_a_time(tmp_path: Path, ends: Ends) -> None:
    """Each is a round trip. A connection carries one request at a time, and is used again as soon as it is free."""
    names = [f"f{number:03}" for number in range(80)]
    make(tmp_path / "s", {name: name.encode() for name in names})
    end = ends("abfs")
    copy(source_of(tmp_path / "s"), end.at(""), end.connections)
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        proxy.delay = 0.02
        options = _with(tmp_path, "\n".join(names))
        with prepare_copy(end.at(""), destination_of(tmp_path / "t"), near.connections, options) as prepared:
            assert [each.relative for each in prepared.plan.copies] == names
        assert len(proxy.connections) > 4


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1"})
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), _with(tmp_path, "\ufeffa\n"))
    assert read(tmp_path / "t") == {"a": b"1"}


@pytest.mark.parametrize("text", ["", "\n\r\n", "\ufeff"])
def test_an_empty_manifest_is_refused_because_an_export_that_broke_off_is_one_too(tmp_path: Path, text: str) -> None:
    make(tmp_path / "s", {"a": b"1"})
    with pytest.raises(WrongUse, match="is empty"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), _with(tmp_path, text))
    assert run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), _with(tmp_path, "# nothing")).files == 0
