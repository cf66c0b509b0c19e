from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import QuantityError
from airflow_datamove.quantity import format_rate, format_size, parse_duration, parse_rate, parse_size


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 1023), st.sampled_from([1, 2**10, 2**20, 2**30, 2**40, 2**50]))
def test_a_whole_number_of_a_unit_reads_back(number: int, factor: int) -> None:
    assert parse_size(format_size(number * factor)) == number * factor
    assert parse_rate(format_rate(number * factor)) == number * factor


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**63 - 1))
def test_any_size_reads_back_within_a_tenth_of_its_unit(size: int) -> None:
    assert parse_size(str(size)) == parse_size(size) == size
    if size < 2**62:  # near the limit, what is rounded up is out of range
        assert abs(parse_size(format_size(size)) - size) <= size * 0.051


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1 GiB", 2**30), ("250MB", 250 * 10**6), ("4096", 4096), ("1.5 KiB", 1536), ("1kB", 1000), ("2 TiB", 2**41),
        ("0", 0), (" 7 B ", 7), ("8 bit", 1), ("1gib", 2**30),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25 MiB/s", 25 * 2**20), ("50 Gbit/s", 50 * 10**9 // 8), ("10Gbps", 10**10 // 8), (100, 100), ("1 B/s", 1),
        ("1MiB / s", 2**20),
    ],
)  # fmt: skip
def test_rates(text: str | int, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "-1", "1 XiB", "1 MiB/s", "1e5", "9" * 30, None, True, 1.5, "1 GiB GiB", -1]
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_size(text)  # type: ignore[arg-type]
    assert "Write a size such as" in str(caught.value)


@pytest.mark.parametrize("text", ["", "0", "0 MiB/s", "1 MiB", "10 Gb", "-5", 0, None, "4 bit/s/s", "100"])
def test_what_is_no_rate(text: object) -> None:
    with pytest.raises(QuantityError):
        parse_rate(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "seconds"), [("90 s", 90), ("7d", 7 * 86400), (7, 7), (0.5, 0.5), ("0", 0)])
def test_spans_of_time(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_number_that_somebody_wrote_without_a_unit_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(QuantityError, match=r"'25' has no unit. Write 25MiB/s, 25Mbit/s or 25B/s"):
        parse_rate("25")
    with pytest.raises(QuantityError, match=r"'7' has no unit. Write 7s, 7h or 7d"):
        parse_duration("7")
