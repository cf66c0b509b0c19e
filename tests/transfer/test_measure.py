"""How much of a source a copy is asked for: as much as its comparison finds, and no more listing than needed for it."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.measure import Asked, measure_asked
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.source_view import view_source
from tests.transfer.trees import NOTHING, Tree, make, source_of

EVERYTHING = 2**62
TREE: Tree = {
    "big": b"x" * 5000,
    "a/one.csv": b"1",
    "a/two.csv": b"22",
    "a/deep/er/three.csv": b"333",
    "b/four.gz": b"4444",
    "b/_tmp/five.csv": b"55555",
    "empty": None,
}
FILTERS = (
    Filters(include=("*.csv",)),
    Filters(exclude=("*.csv",)),
    Filters(include=("a",)),
    Filters(include=("a/**/three.csv", "b/*")),
    Filters(include=("*.csv",), exclude=("_tmp",)),
    Filters(min_size=3),
    Filters(max_size=3),
    Filters(max_age=3600),
    Filters(min_age=3600),
    Filters(include=("nothing",)),
)


def _measured(source: Address, options: CopyOptions, connections: EnvironmentConnections = NOTHING) -> Asked:
    with open_store(source, connections) as store:
        return measure_asked(store, source, options, connections, enough_bytes=EVERYTHING)


def _compared(source: Address, options: CopyOptions, connections: EnvironmentConnections = NOTHING) -> tuple[int, int]:
    """Files and bytes that the copy's own comparison finds."""
    there = source.with_path("/nothing/is/there")
    with open_store(source, connections) as store:
        lines = read_manifest(options.manifest, connections) if options.manifest else None
        plan = compare(view_source(store, source, lines), source, store, there, store, options)
        plan.close()
        return plan.files, plan.bytes


@pytest.mark.parametrize("scheme", ["file", "hdfs", "abfs", "gs"])
def test_what_is_measured_is_what_is_copied(
    tmp_path: Path, scheme: str, connections: EnvironmentConnections, buckets: dict[str, str]
) -> None:
    make(tmp_path / "s", TREE)
    there = source_of(tmp_path / "s") if scheme == "file" else Address.parse(f"{buckets[scheme]}/m-{tmp_path.name}")
    if scheme != "file":
        copy(source_of(tmp_path / "s"), there, connections)
    seen = set()
    for filters, tail in itertools.product(FILTERS, ("", "/", "/*", "/a/*.csv", "/big")):
        source, options = there.with_path(there.path + tail), CopyOptions(filters=filters)
        found = _measured(source, options, connections)
        assert (found.files, found.bytes) == _compared(source, options, connections), (filters, tail)
        assert found.whole
        seen.add(found.files)
    assert len(seen) > 3
    (tmp_path / "manifest").write_text("a/one.csv\nb/four.gz\nnot there\n")
    options = CopyOptions(manifest=source_of(tmp_path / "manifest"))
    assert _measured(there, options, connections) == Asked(2, 0, 5)
    with pytest.raises(NotFound):
        _measured(there.with_path(f"{there.path}/none"), CopyOptions(filters=FILTERS[0]), connections)


_NAMES = st.sampled_from(["a", "b", "c.csv", "d.gz", ".hidden", "[x]"])
_PATTERNS = st.sampled_from(["a", "*.csv", "a/*", "a/**", "**/b", "b/*.gz", "*"])


@settings(max_examples=100, deadline=None)
@given(
    tree=st.dictionaries(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), st.binary(max_size=5), max_size=12),
    include=st.lists(_PATTERNS, max_size=2),
    exclude=st.lists(_PATTERNS, max_size=2),
    manifest=st.one_of(st.none(), st.lists(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), min_size=1)),
)
def test_whatever_the_tree_and_the_filters(
    tree: dict[str, bytes], include: list[str], exclude: list[str], manifest: list[str] | None
) -> None:
    def clash(names: list[str]) -> bool:
        return any(other.startswith(f"{name}/") for name in names for other in names)

    if clash(list(tree)) or (manifest is not None and clash(manifest)):
        return
    with tempfile.TemporaryDirectory() as folder:
        top = make(Path(folder) / "s", dict(tree))
        lines = Path(folder) / "manifest"
        lines.write_text("\n".join(manifest or []))
        options = CopyOptions(
            filters=Filters(include=tuple(include), exclude=tuple(exclude)),
            manifest=None if manifest is None else source_of(lines),
        )
        found = _measured(source_of(top), options)
        assert (found.files, found.bytes) == _compared(source_of(top), options)


def test_no_more_is_listed_than_needed(tmp_path: Path) -> None:
    make(tmp_path, {f"{number:03}/{name}": b"x" * 100 for number in range(50) for name in "ab"})
    source, options = source_of(tmp_path), CopyOptions(filters=Filters(exclude=("none",)))
    with (
        open_store(source, NOTHING) as store,
        patch.object(type(store), "list", autospec=True, side_effect=type(store).list) as listing,
    ):
        few = measure_asked(store, source, options, NOTHING, enough_bytes=1000)
        assert (few.files, few.bytes, few.whole) == (10, 1000, False)
        assert listing.call_count == 1 + 5
        more = measure_asked(store, source, options, NOTHING, enough_bytes=1000, enough_files=20)
        assert (more.files, more.whole) == (20, False)
        every = measure_asked(store, source, options, NOTHING, enough_bytes=10_001)
        assert (every.files, every.bytes, every.whole) == (100, 10_000, True)
