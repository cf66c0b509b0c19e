from __future__ import annotations

import inspect
import re

import pytest

from airflow_datamove import errors
from airflow_datamove.errors import (
    CopyFailed,
    DatamoveError,
    NotFound,
    PathConflict,
    StoreError,
    StoreUnavailable,
    WrongUse,
)


def _classes() -> dict[str, type[DatamoveError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: each for name, each in found if issubclass(each, DatamoveError)}


def test_the_tree_as_drawn_is_the_tree_as_built() -> None:
    drawn: dict[str, str] = {}
    above = ["DatamoveError"]
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = 1 + len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1]
    built = {name: each.__bases__[0].__name__ for name, each in _classes().items() if each is not DatamoveError}
    assert drawn == built


def test_what_is_drawn_as_retryable_is() -> None:
    for line in (errors.__doc__ or "").splitlines():
        if (match := re.match(r"[│ ]*[├└]── (\w+) +(retryable|fatal)\b", line)) and match[1] != "CopyFailed":
            assert _classes()[match[1]].retryable is (match[2] == "retryable"), match[1]


def test_wrong_use_is_a_value_error() -> None:
    """Airflow's REST API answers 400 to a ValueError."""
    assert issubclass(WrongUse, ValueError)


def test_the_remedy_follows_the_message() -> None:
    assert str(PathConflict("a is a file", remedy="Move it")) == "a is a file. Move it"
    assert str(PathConflict("a is a file")) == "a is a file"


def test_a_store_error_names_its_path_once() -> None:
    assert str(NotFound("nothing", path="/a")) == "/a: nothing"
    assert str(StoreError("/a is odd", path="/a")) == "/a is odd"


@pytest.mark.parametrize(
    ("causes", "retryable"),
    [
        ([NotFound("x")], False),
        ([NotFound("x"), StoreUnavailable("y")], True),
        ([OSError("unknown")], True),
        ([], True),
    ],
)
def test_a_failed_copy_is_retryable_if_a_cause_is(causes: list[Exception], retryable: bool) -> None:
    assert CopyFailed("failed", [("f", cause) for cause in causes]).retryable is retryable
