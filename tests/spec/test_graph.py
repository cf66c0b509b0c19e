"""Which step follows which, and what others may wait for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.spec.graph import asset_name, circle, last_of, order, outputs_of
from airflow_datamove.spec.pipeline import Pipeline
from airflow_datamove.spec.pipeline_sense import problems_in
from airflow_datamove.spec.step_kinds import KINDS

LAKE = "gs://g@lake/"


def pipeline(**steps: dict[str, Any]) -> Pipeline:
    return Pipeline.model_validate({"steps": steps}, context={"yaml": True})


def copy(source: str, destination: str, **more: Any) -> dict[str, Any]:
    return {"copy": {"source": source, "destination": destination}, **more}


def test_who_reads_comes_after_who_writes_wherever_it_stands() -> None:
    found = order(
        pipeline(
            report=copy(f"{LAKE}raw/orders/", f"{LAKE}report/"),
            fetch=copy("hdfs://h@/in/", f"{LAKE}raw/"),
            other=copy("hdfs://h@/in/", f"{LAKE}other/"),
        )
    )
    assert found == {"report": ("fetch",), "fetch": (), "other": ()}
    assert last_of(found) == ["report", "other"]


@pytest.mark.parametrize(
    ("written", "read", "follows"),
    [
        ("x/", "x/", True),
        ("x/", "x/y.csv", True),
        ("x/y.csv", "x/", True),
        ("x/", "xy/", False),
        ("x", "x/", True),
        ("x/{{ ds }}/", "x/{{ds}}/a", True),
        ("x/{{ ds }}/", "x/{{ params.day }}/", False),
        ("x/{{ ds }}/", "x/", True),
        ("x/", "x/*.csv", True),
        ("x/a/", "x/{a,b}/", True),
        ("y/", "x/*.csv", False),
        (r"x/", r"x\*y/", False),
    ],
)
def test_places_meet_where_one_lies_in_the_other(written: str, read: str, follows: bool) -> None:
    steps = pipeline(w=copy("hdfs://h@/in/", LAKE + written), r=copy(LAKE + read, "hdfs://h@/out/"))
    assert order(steps)["r"] == (("w",) if follows else ())


def test_two_that_write_to_one_place_keep_their_order() -> None:
    found = order(pipeline(a=copy("hdfs://h@/1/", f"{LAKE}x/"), b=copy("hdfs://h@/2/", f"{LAKE}x/y/")))
    assert found == {"a": (), "b": ("a",)}


def test_after_says_all_that_a_step_follows() -> None:
    steps = pipeline(
        a=copy("hdfs://h@/1/", f"{LAKE}a/"),
        b=copy(f"{LAKE}a/", f"{LAKE}b/", after=[]),
        c=copy("hdfs://h@/3/", f"{LAKE}c/", after=["b"]),
    )
    assert order(steps) == {"a": (), "b": (), "c": ("b",)}
    assert problems_in(steps) == []


def test_a_few_items_are_looked_at_one_by_one() -> None:
    steps = pipeline(
        a=copy("hdfs://h@/{{ item }}/", f"{LAKE}" + "{{ item }}/", for_each=["eu", "us"]),
        b=copy(f"{LAKE}us/", f"{LAKE}b/"),
        c=copy(f"{LAKE}asia/", f"{LAKE}c/"),
    )
    assert order(steps) == {"a": (), "b": ("a",), "c": ()}
    assert outputs_of(steps)[:2] == ["gs://g@lake/eu", "gs://g@lake/us"]


@pytest.mark.parametrize(
    ("after", "way"),
    [
        ({}, 0),
        ({"a": ["b"], "b": []}, 0),
        ({"a": ["a"]}, 2),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, 3),
        ({"a": ["x"], "b": ["a", "c"], "c": ["d"], "d": ["b"]}, 4),
        ({f"s{i}": [f"s{i + 1}"] for i in range(5000)}, 0),
    ],
)
def test_a_circle_is_found(after: dict[str, list[str]], way: int) -> None:
    found = circle(after)
    assert len(found) == way
    assert all(later in after[earlier] for earlier, later in pairwise(found))


def test_many_ways_to_one_step_are_looked_at_once() -> None:
    wide = {f"{level}.{n}": [f"{level + 1}.{m}" for m in range(8)] for level in range(40) for n in range(8)}
    assert circle(wide) == []


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("gs://g@b/x/", "gs://g@b/x"),
        ("gs://g@b/x/{{ ds }}/y/", "gs://g@b/x"),
        ("gs://g@b/x/day={{ ds }}/", "gs://g@b/x"),
        ("gs://g@b/", "gs://g@b"),
        ("file:///", "file:///"),
        ("{{ item }}", ""),
    ],
)
def test_the_name_of_an_address_among_assets(address: str, name: str) -> None:
    assert asset_name(address) == name


def test_every_kind_of_step_has_its_checker_and_its_builder() -> None:
    for name, kind in KINDS.items():
        assert kind.name == name
        assert callable(kind.checker())
        assert callable(kind.builder())


def test_the_kinds_stand_in_one_list() -> None:
    """Whoever adds one finds everything else from there: no other module names a kind's model but its own."""
    package = Path(__file__).resolve().parents[2] / "airflow_datamove"
    naming = {path.name for path in package.rglob("*.py") if "PythonCall" in path.read_text()}
    assert naming == {"step_kinds.py", "python_step.py", "pipeline_rules.py"}
