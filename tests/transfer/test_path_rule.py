from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.address import Address
from airflow_datamove.errors import PathConflict
from airflow_datamove.transfer.options import CopyOptions, Overwrite
from airflow_datamove.transfer.path_rule import Root, destination_path, refuse_overlap
from tests.transfer.trees import Tree, destination_of, make, read, run, source_of

NAME = st.text(st.sampled_from("ab .%#?*[]{}\\-_é\n"), min_size=1, max_size=5).filter(lambda n: n.strip(".") != "")


def _trees() -> st.SearchStrategy[Tree]:
    leaf = st.one_of(st.binary(max_size=20), st.none())
    node = st.recursive(leaf, lambda inner: st.dictionaries(NAME, inner, max_size=3), max_leaves=8)
    return st.dictionaries(NAME, node, max_size=4).map(lambda tree: dict(_flat("", tree)))


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, bytes | None]]:
    for name, node in tree.items():
        if isinstance(node, dict) and node:
            yield from _flat(f"{prefix}{name}/", node)
        else:
            yield f"{prefix}{name}", None if isinstance(node, dict) else node


@settings(deadline=None, max_examples=60)
@given(_trees(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(Overwrite))
def test_a_directory_lands_the_same_whatever_stands_there(
    tree: Tree, slash: bool, other_slash: bool, exists: bool, overwrite: Overwrite
) -> None:
    with tempfile.TemporaryDirectory() as top:
        source, destination = Path(top) / "S [x]", Path(top) / "T*"
        make(source, tree)
        if exists:
            make(destination, {"zz-stays": b"1"})
        options = CopyOptions(overwrite=overwrite)
        run(source_of(source, "/" * slash), destination_of(destination, "/" * other_slash), options)
        expected = {**tree, **({"zz-stays": b"1"} if exists else {})}
        assert read(destination) == {name: content for name, content in expected.items()}
        assert destination.is_dir()


@settings(deadline=None, max_examples=40)
@given(NAME, NAME, st.booleans(), st.booleans(), st.sampled_from(Overwrite))
def test_a_file_lands_the_same_whatever_stands_there(
    name: str, target: str, slash: bool, exists: bool, overwrite: Overwrite
) -> None:
    with tempfile.TemporaryDirectory() as top:
        make(Path(top) / "S", {name: b"new"})
        destination = Path(top) / "T" / target
        if exists and slash:
            make(destination, {"zz-stays": b"1"})
        run(source_of(Path(top) / "S" / name), destination_of(destination, "/" * slash), CopyOptions(overwrite))
        landed = destination / name if slash else destination
        assert landed.read_bytes() == b"new"


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(st.from_regex(r"[ab]{1,2}(/[ab]{1,2}){0,2}\.c", fullmatch=True), st.binary(max_size=3), min_size=1)
)
def test_the_matches_of_a_glob_keep_their_path_below_the_fixed_prefix(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as top:
        make(Path(top) / "S", tree)
        expected = {name: content for name, content in tree.items() if name.startswith("a") and "/" in name}
        if not expected:
            return
        run(source_of(Path(top) / "S", "/a*/*"), destination_of(Path(top) / "T"))
        assert read(Path(top) / "T") == expected


@pytest.mark.parametrize(
    ("root", "relative", "destination", "expected"),
    [
        (Root.FILE, "f", "/t", "/t"), (Root.FILE, "f", "/t/", "/t/f"), (Root.FILE, "f", "/", "/f"),
        (Root.DIRECTORY, "a/b", "/t", "/t/a/b"), (Root.DIRECTORY, "a/b", "/t/", "/t/a/b"),
        (Root.DIRECTORY, "", "/t/", "/t"), (Root.DIRECTORY, "", "/", "/"), (Root.DIRECTORY, "a", "/", "/a"),
        (Root.GLOB, "d/f", "/t/", "/t/d/f"),
    ],
)  # fmt: skip
def test_the_rule(root: Root, relative: str, destination: str, expected: str) -> None:
    address = Address.parse(f"file://{destination}")
    assert destination_path(Address.parse("file:///s/f"), root, relative, address) == expected


@pytest.mark.parametrize(
    ("source", "destination", "root"),
    [
        ("/a", "/a", None), ("/a", "/a/", None), ("/a/", "/a", None), ("/a", "/a/b", None), ("/", "/b", Root.DIRECTORY),
        ("/a/b", "/a", Root.DIRECTORY), ("/a/b/", "/", Root.DIRECTORY),
        ("/a/f", "/a/", Root.FILE), ("/a/f", "/a/f", Root.FILE),
        ("/a/*", "/a", None), ("/a/*", "/a/", None), ("/a/*", "/a/b", None), ("/a/x*/", "/a/xy/z", None),
        ("/a\\[b", "/a[b/c", None),
    ],
)  # fmt: skip
def test_a_copy_onto_or_into_itself_is_refused(source: str, destination: str, root: Root | None) -> None:
    with pytest.raises(PathConflict):
        refuse_overlap(Address.parse(f"file://{source}"), Address.parse(f"file://{destination}"), root)


@pytest.mark.parametrize(
    ("source", "destination", "root"),
    [
        ("/a", "/ab", Root.DIRECTORY), ("/a/b/f", "/a/", Root.FILE), ("/a/f", "/a/g", Root.FILE),
        ("/a/*.csv", "/a/old", None),
        ("/a/x*/f", "/a/y/", None), ("/a/b", "/a/c/", Root.DIRECTORY),
    ],
)  # fmt: skip
def test_a_copy_beside_itself_is_not(source: str, destination: str, root: Root | None) -> None:
    refuse_overlap(Address.parse(f"file://{source}"), Address.parse(f"file://{destination}"), root)


def test_the_same_path_in_another_store_is_no_overlap() -> None:
    refuse_overlap(Address.parse("gs://a@one/x"), Address.parse("gs://a@two/x"), Root.DIRECTORY)
    refuse_overlap(Address.parse("gs://a@one/x"), Address.parse("gs://b@one/x"), Root.DIRECTORY)
