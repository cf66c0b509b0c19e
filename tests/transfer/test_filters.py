"""Filters against a model of them that goes through all ways to match."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.transfer.filters import Filters, Selection

NAMES = st.text(st.sampled_from("ab.-é"), min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
SEGMENTS = st.one_of(
    st.just("**"),
    st.lists(st.sampled_from(["a", "b", ".", "*", "?", "é", "-"]), min_size=1, max_size=3)
    .map("".join)
    .filter(lambda text: text not in (".", "..") and "**" not in text),
)
PATTERNS = st.tuples(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), st.sampled_from(["", "", "/"])).map(
    "".join
)


def _name_matches(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return _name_matches(pattern[1:], name) or (bool(name) and _name_matches(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and _name_matches(pattern[1:], name[1:])


def _path_matches(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return _path_matches(pattern[1:], path) or (bool(path) and _path_matches(pattern, path[1:]))
    return bool(path) and _name_matches(pattern[0], path[0]) and _path_matches(pattern[1:], path[1:])


def _matches(pattern: str, path: str) -> bool:
    """A pattern speaks for a path if it matches it or a directory that it is in."""
    names = path.split("/")
    segments = pattern.rstrip("/").split("/")
    above = [names[:depth] for depth in range(1, len(names) + 1)]
    if "/" not in pattern.rstrip("/"):
        return segments == ["**"] or any(_name_matches(pattern.rstrip("/"), each[-1]) for each in above)
    return any(_path_matches(segments, each) for each in above)


@settings(max_examples=400, deadline=None)
@given(st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=3), PATHS)
def test_names_are_let_through_as_the_model_says(include: list[str], exclude: list[str], path: str) -> None:
    expected = (not include or any(_matches(each, path) for each in include)) and not any(
        _matches(each, path) for each in exclude
    )
    assert Selection(Filters(include=tuple(include), exclude=tuple(exclude))).names(path) is expected


@given(
    st.none() | st.integers(0, 5), st.none() | st.integers(5, 9), st.integers(0, 10),
    st.none() | st.integers(0, 50), st.none() | st.integers(50, 90), st.none() | st.integers(-10, 110),
)  # fmt: skip
def test_sizes_and_ages_are_limits_that_belong_to_what_is_taken(
    least: int | None, most: int | None, size: int, youngest: int | None, oldest: int | None, age: int | None
) -> None:
    now = 1_000_000
    filters = Filters(min_size=least, max_size=most, min_age=youngest, max_age=oldest)
    entry = Entry("/f", Kind.FILE, size, modified=None if age is None else now - age)
    expected = (least is None or size >= least) and (most is None or size <= most)
    if age is not None:
        expected = expected and (youngest is None or age >= youngest) and (oldest is None or age <= oldest)
    assert Selection(filters, now).takes("f", entry) is expected


@pytest.mark.parametrize("pattern", ["", "/", "a/../b", ".", "a/./b", "a**", "**a/b", "[a"])
def test_what_is_no_pattern_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(WrongUse):
        Filters(include=(pattern,))
    with pytest.raises(WrongUse):
        Filters(exclude=(pattern,))


@pytest.mark.parametrize("limits", [{"min_size": 2, "max_size": 1}, {"min_age": 2, "max_age": 1}, {"min_size": -1}])
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(WrongUse):
        Filters(**limits)  # type: ignore[arg-type]
