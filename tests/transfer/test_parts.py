from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.errors import NotSupported
from airflow_datamove.stores.capabilities import PartRules
from airflow_datamove.stores.contract import (
    Entry,
    Kind,
)
from airflow_datamove.transfer.parts import identity_of, plan_parts

TIB = 2**40


@st.composite
def rules(draw: st.DrawFn) -> PartRules:
    smallest = draw(st.integers(1, 2**23))
    largest = draw(st.integers(smallest, 2**33))
    size = draw(st.integers(smallest, largest))
    return PartRules(least=0, size=size, smallest=smallest, largest=largest, most=draw(st.integers(1, 50_000)))


@given(st.integers(1, 50 * TIB), rules(), st.none() | st.integers(2**16, 2**34))
def test_parts_cover_a_file_exactly_once_and_within_the_stores_rules(
    size: int, rules: PartRules, wanted: int | None
) -> None:
    try:
        part = plan_parts(size, rules, wanted)
    except NotSupported:
        assert size > rules.largest * rules.most
        return
    count = -(-size // part)
    assert part == plan_parts(size, rules, wanted)
    assert rules.smallest <= part <= rules.largest
    assert count <= rules.most
    assert (count - 1) * part < size <= count * part
    if wanted is not None and rules.smallest <= wanted <= rules.largest and wanted * rules.most >= size:
        assert part == wanted


def test_a_file_that_is_too_large_is_refused_and_one_byte_less_is_not() -> None:
    found = PartRules(least=0, size=10, smallest=5, largest=20, most=3)
    assert plan_parts(60, found) == 20
    with pytest.raises(NotSupported, match="larger than the destination can hold"):
        plan_parts(61, found)


IDENTITIES = st.tuples(
    st.sampled_from(["file:///", "abfs://a@b/"]),
    st.sampled_from(["/a", "/b"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from([10, 11]),
    st.sampled_from(["gs://x@y/a", "gs://x@y/b"]),
    st.sampled_from([4, 5]),
)


def _identity(source: str, path: str, version: str, size: int, destination: str, part: int) -> str:
    return identity_of(source, Entry(path, Kind.FILE, size, version=version), destination, part)


@given(IDENTITIES, IDENTITIES)
def test_an_identity_is_the_same_for_the_same_copy_and_another_for_any_other(
    one: tuple[str, str, str, int, str, int], two: tuple[str, str, str, int, str, int]
) -> None:
    assert (_identity(*one) == _identity(*two)) is (one == two)
    assert len(_identity(*one)) == 32
    assert set(_identity(*one)) <= set("0123456789abcdef")


def test_without_a_version_the_time_counts_and_without_either_nobody_can_go_on() -> None:
    timed = Entry("/a", Kind.FILE, 10, modified=1.5)
    assert identity_of("s", timed, "d", 4) == identity_of("s", timed, "d", 4)
    assert identity_of("s", timed, "d", 4) != identity_of("s", timed._replace(modified=2.5), "d", 4)
    unknown = Entry("/a", Kind.FILE, 10)
    assert identity_of("s", unknown, "d", 4) != identity_of("s", unknown, "d", 4)
