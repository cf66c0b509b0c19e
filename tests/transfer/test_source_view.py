from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError, NotFound, NotSupported
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Measure
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.measure import measure_source
from airflow_datamove.transfer.source_view import view_source
from tests.transfer.trees import NOTHING, make, source_of


def _relative(source: Address) -> list[str]:
    """Everything that a source holds, gone through as a comparison does."""
    found: list[str] = []
    with open_store(source, NOTHING) as store:
        view = view_source(store, source)
        pending = [""]
        while pending:
            for entry in view.children(pending.pop()):
                relative = entry.path[len(view.top.rstrip("/")) + 1 :] or entry.name
                if entry.kind is not Kind.DIRECTORY or view.counts(relative):
                    found.append(relative)
                if entry.kind is Kind.DIRECTORY:
                    pending.append(relative)
    return sorted(found)


def test_relative_paths_and_sums(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a/b": b"123", "c": b"4", "empty": None})
    os.symlink("a", tmp_path / "s" / "link")
    source = source_of(tmp_path / "s")
    assert _relative(source) == ["a", "a/b", "c", "empty", "link"]
    assert _relative(source_of(tmp_path / "s" / "c")) == ["c"]
    with open_store(source, NOTHING) as store:
        assert measure_source(store, source) == Measure(2, 2, 4)


def test_a_glob_never_crosses_a_slash_and_has_no_double_star(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a/b/c": b"1", "ab": b"2"})
    assert _relative(source_of(tmp_path / "s", "/a*b")) == ["ab"]
    assert _relative(source_of(tmp_path / "s", "/*/*/c")) == ["a/b/c"]
    for pattern in ("/**", "/**/c", "/{a/b,ab}", "/none/**"):
        with pytest.raises(AddressError):
            _relative(source_of(tmp_path / "s", pattern))


def test_a_mistake_in_a_later_segment_is_one_where_nothing_matches(tmp_path: Path) -> None:
    with pytest.raises(AddressError):
        _relative(source_of(tmp_path, "/none*/[a"))


def test_an_escaped_glob_is_a_name(tmp_path: Path) -> None:
    make(tmp_path, {"[x]": b"1", "x": b"22"})
    assert _relative(source_of(tmp_path, "/\\[x\\]")) == ["[x]"]
    assert _relative(source_of(tmp_path, "/[x]")) == ["x"]


def test_a_symlink_named_as_the_source_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, {"d/f": b"1"})
    os.symlink(tmp_path / "d", tmp_path / "link")
    with pytest.raises(NotSupported, match="Name what it points to"):
        _relative(source_of(tmp_path / "link"))


@pytest.mark.parametrize("scheme", ["file", "hdfs", "abfs", "gs"])
def test_measuring_counts_what_the_listing_counts(
    tmp_path: Path, scheme: str, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    make(tmp_path / "s", {"a/b": b"123", "c": b"4", "empty": None, "a/d/e": b"55"})
    there = source_of(tmp_path / "s") if scheme == "file" else Address.parse(f"{buckets[scheme]}/m-{tmp_path.name}")
    if scheme != "file":
        copy(source_of(tmp_path / "s"), there, connections)
    with open_store(there, connections) as store:
        for tail, expected in (
            ("", Measure(3, 3, 6)), ("/", Measure(3, 3, 6)), ("/c", Measure(1, 0, 1)), ("/[ac]*", Measure(3, 2, 6)),
        ):  # fmt: skip
            source = there.with_path(there.path + tail)
            assert measure_source(store, source) == expected
        with pytest.raises(NotFound):
            measure_source(store, there.with_path(f"{there.path}/none"))
        with pytest.raises(NotFound):
            measure_source(store, there.with_path(f"{there.path}/none*"))
