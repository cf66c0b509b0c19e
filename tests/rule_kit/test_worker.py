"""The worker's route beside the model of the path rule, in every kind of store; and the kit itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, find, given, settings

from airflow_datamove.address import Address
from airflow_datamove.rule_kit.cases import cases
from airflow_datamove.rule_kit.model import Case, expected
from airflow_datamove.rule_kit.names import unheld
from airflow_datamove.rule_kit.trial import Route, Trial
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from tests.transfer.ends import Ends


def _worker(environment: dict[str, str]) -> Route:
    connections = EnvironmentConnections(environment)
    return lambda source, destination, options: copy(source, destination, connections, options)


@pytest.mark.parametrize(
    ("there", "number"), [("file", 400), ("hdfs", 40), ("abfs", 60), ("gs", 40), ("s3", 40)], ids=lambda each: str(each)
)
def test_what_the_worker_copies_lands_where_the_rule_says(ends: Ends, there: str, number: int) -> None:
    source, destination = ends("file"), ends(there)
    environment = {**source.environment, **destination.environment}
    keeps_times = there in ("file", "hdfs")

    with Trial(
        source.at("rule"),
        destination.at("rule"),
        EnvironmentConnections(environment),
        {"worker": _worker(environment)},
        compares=False,
    ) as trial:

        @settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(cases("file", there, compares=False, keeps_times=keeps_times))
        def hold(case: Case) -> None:
            assert not trial.differences(case)

        hold()


@pytest.mark.parametrize("there", ["hdfs", "gs"])
@pytest.mark.parametrize("name", ["", "{}"])
def test_a_name_that_the_destination_cannot_hold(ends: Ends, there: str, name: str) -> None:
    source, destination = ends("file"), ends(there)
    odd = f"a{unheld('file', there)[0]}b"
    environment = {**source.environment, **destination.environment}
    with Trial(
        source.at("rule"),
        destination.at("rule"),
        EnvironmentConnections(environment),
        {"worker": _worker(environment)},
        compares=False,
    ) as trial:
        for tree in ({odd: b"1", "c": b"2"}, {f"{odd}/d": b"1", "c": b"2"}, {odd: None, "c": b"2"}):
            if not name or odd in tree:
                assert not trial.differences(Case(tree, name=name.format(odd), destination_slash=bool(name)))


def test_a_route_that_breaks_the_rule_is_found_with_its_smallest_case(tmp_path: Path) -> None:
    """A destination's trailing slash that is ignored shows with any lone file."""
    top = Address.parse(f"file://{tmp_path}")
    nothing = EnvironmentConnections({})

    def careless(source: Address, destination: Address, options: CopyOptions) -> None:
        copy(source, destination.with_path(destination.path.rstrip("/")), nothing, options)

    with Trial(top, top, nothing, {"careless": careless}, compares=False) as trial:
        case = find(
            cases("file", compares=False, keeps_times=True),
            lambda case: bool(trial.differences(case)),
            settings=settings(max_examples=2000, database=None, deadline=None),
        )
    assert case.destination_slash
    assert case.source[case.name] is not None
    assert len(case.source) <= 2
    assert case.standing is None


@pytest.mark.parametrize(
    ("case", "standing", "error"),
    [
        (Case({"a": b"1"}), {"a": b"1"}, ""),
        (Case({"a": b"1"}, name="a"), b"1", ""),
        (Case({"a": b"1"}, name="a", destination_slash=True), {"a": b"1"}, ""),
        (Case({"a": b"1"}, name="a", standing={}), {}, "PathConflict"),
        (Case({"a": b"1"}, standing=b"old"), b"old", "PathConflict"),
        (Case({"a": b"1", "b/x": None}, pattern="*/*"), {"b/x": None}, ""),
        (Case({"a": b"1"}, standing={"z": b"2"}, mirror=True), {"a": b"1"}, ""),
        (Case({}, standing={"z": b"2"}), {"z": b"2"}, ""),
        (Case({}, pattern="*"), None, "NotFound"),
        (Case({"a": b"1", "b:": b"2"}, standing={"z": b"3"}, mirror=True), {"a": b"1", "z": b"3"}, "CopyFailed"),
        (Case({"a": b"1", "b:/c": b"2"}, standing={}), {}, "PathConflict"),
        (Case({"b:": b"2"}, name="b:", destination_slash=True), {}, "CopyFailed"),
        (Case({"a": b"1", "a/b": b"2"}), None, "PathConflict"),
        (Case({"a": b"1", "a/b": b"2"}, name="a"), None, "PathConflict"),
    ],
)
def test_the_model_says_what_the_rule_says(case: Case, standing: object, error: str) -> None:
    outcome = expected(case, compares=False, unheld=":")
    assert (outcome.standing, outcome.error) == (standing, error)
