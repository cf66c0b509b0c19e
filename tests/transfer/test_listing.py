from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError, NotFound, NotSupported
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Measure
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.listing import list_source, measure_source
from tests.transfer.trees import NOTHING, make, source_of


def _relative(source: Address) -> list[str]:
    with open_store(source, NOTHING) as store:
        return sorted(item.relative for item in list_source(store, source).entries)


def test_relative_paths_and_sums(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a/b": b"123", "c": b"4", "empty": None})
    os.symlink("a", tmp_path / "s" / "link")
    source = source_of(tmp_path / "s")
    with open_store(source, NOTHING) as store:
        listing = list_source(store, source)
    assert sorted(item.relative for item in listing.entries) == ["a", "a/b", "c", "empty", "link"]
    assert (listing.root, listing.files, listing.bytes, listing.directories, listing.special) == (
        "directory",
        2,
        4,
        2,
        1,
    )
    assert _relative(source_of(tmp_path / "s" / "c")) == ["c"]


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
            listing = list_source(store, source)
            found = measure_source(store, source)
            assert (found.files, found.bytes) == (listing.files, listing.bytes) == (expected.files, expected.bytes)
            assert listing.directories == expected.directories
        with pytest.raises(NotFound):
            measure_source(store, there.with_path(f"{there.path}/none"))
        with pytest.raises(NotFound):
            measure_source(store, there.with_path(f"{there.path}/none*"))
