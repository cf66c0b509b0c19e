from __future__ import annotations

from pathlib import Path

import pytest

from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.verify import verify_destination
from tests.transfer.trees import NOTHING, Tree, destination_of, make, source_of

TREE: Tree = {**{f"d/f{number}": b"1" for number in range(9)}, "e/one": b"22", "empty": None}


def _problems(top: Path, limit: int = 100) -> list[str]:
    source, destination = source_of(top / "s"), destination_of(top / "t")
    with open_store(source, NOTHING) as store:
        return verify_destination(source, store, destination, store, CopyOptions()).problems(limit)


def test_a_whole_copy_has_no_problems_whatever_stands_beside_it(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    make(tmp_path / "t", {**TREE, "more": b"3"})
    assert _problems(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"d/f3": b"longer"}, "/d/f3 has 6 bytes, its source 1"),
        ({"e/one": b""}, "/e/one has 0 bytes, its source 2"),
        ({"d/f0": "missing"}, "/d/f0 is missing"),
        ({"empty": "missing"}, "/empty is missing"),
    ],
)
def test_every_difference_is_told(tmp_path: Path, change: dict[str, bytes | str], problem: str) -> None:
    make(tmp_path / "s", TREE)
    made: Tree = {name: content for name, content in TREE.items() if change.get(name) != "missing"}
    make(tmp_path / "t", {**made, **{name: to for name, to in change.items() if isinstance(to, bytes)}})
    found = _problems(tmp_path)
    assert len(found) == 1
    assert found[0].endswith(problem)


def test_a_destination_that_is_not_there_lacks_everything_and_the_list_stays_short(tmp_path: Path) -> None:
    make(tmp_path / "s", TREE)
    found = _problems(tmp_path, limit=3)
    assert len(found) == 4
    assert found[-1] == f"and {10 + 4 - 3} more"
