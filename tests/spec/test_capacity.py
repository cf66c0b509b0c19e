"""What a link can carry, by the time of day."""

from __future__ import annotations

import calendar
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.spec.capacity import Capacity
from airflow_datamove.spec.folder import read_model
from airflow_datamove.spec.mistakes import Mistake
from airflow_datamove.spec.platform import Link, Platform

MIB = 2**20


def link(capacity: Any) -> Link:
    return Link.model_validate({"capacity": capacity, "slot": "1 MiB/s"})


def at(year: int, month: int, day: int, hour: int, minute: int = 0, second: float = 0) -> int:
    """UTC, in milliseconds since 1970."""
    return int((calendar.timegm((year, month, day, hour, minute, 0)) + second) * 1000)


def test_one_rate_holds_at_any_time() -> None:
    capacity = link("10 MiB/s").capacity
    assert (capacity.smallest, capacity.largest, capacity.at(0), capacity.at(at(2026, 1, 1, 12))) == (10 * MIB,) * 4


def test_times_of_the_day_and_otherwise() -> None:
    capacity = link({"08:00-18:00": "10 MiB/s", "otherwise": "50 MiB/s"}).capacity
    assert (capacity.smallest, capacity.largest) == (10 * MIB, 50 * MIB)
    rates = [capacity.at(at(2026, 1, 1, hour, minute)) for hour, minute in ((7, 59), (8, 0), (17, 59), (18, 0), (0, 0))]
    assert [rate // MIB for rate in rates] == [50, 10, 10, 50, 50]


def test_a_span_may_pass_midnight() -> None:
    capacity = link({"22:00-06:00": "50 MiB/s", "06:00-22:00": "10 MiB/s"}).capacity
    assert [capacity.at(at(2026, 1, 1, hour)) // MIB for hour in (23, 0, 5, 6, 21, 22)] == [50, 50, 50, 10, 10, 50]


def test_the_clock_is_that_of_the_time_zone_summer_and_winter() -> None:
    capacity = link({"08:00-18:00": "10 MiB/s", "otherwise": "50 MiB/s", "timezone": "Europe/Berlin"}).capacity
    assert [capacity.at(at(2026, 1, 1, hour)) // MIB for hour in (6, 7, 16, 17)] == [50, 10, 10, 50]
    assert [capacity.at(at(2026, 7, 1, hour)) // MIB for hour in (5, 6, 15, 16)] == [50, 10, 10, 50]


def test_the_capacity_sinks_some_seconds_early() -> None:
    capacity = link({"08:00-18:00": "10 MiB/s", "otherwise": "50 MiB/s"}).capacity
    assert capacity.least(at(2026, 1, 1, 7, 59, 57.4), 2.5) == 50 * MIB
    assert capacity.least(at(2026, 1, 1, 7, 59, 57.6), 2.5) == 10 * MIB
    assert capacity.least(at(2026, 1, 1, 17, 59, 59), 2.5) == 10 * MIB, "and does not rise early"


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 2**62)), min_size=1, max_size=5))
def test_it_travels_as_text(parts: list[tuple[int, int]]) -> None:
    capacity = Capacity(((0, 5), *sorted(parts)), "Europe/Berlin")
    assert Capacity.parse(str(capacity)) == capacity


@pytest.mark.parametrize(
    ("yaml", "place", "words"),
    [
        ('      "08:00-18:00": 10 MiB/s\n', "4:5", "no rate at 00:00. Fill the day, or add otherwise: with a rate"),
        ('      "00:00-18:00": 10 MiB/s\n      "19:00-24:00": 9 MiB/s\n', "4:5", "no rate at 18:00"),
        ('      "08:00-18:00": 9 MiB/s\n      "17:00-08:00": 9 MiB/s\n', "6:7", "overlap at 17:00"),
        ('      "08:00-18:00": 9 MiB/s\n      "18:00-08:01": 9 MiB/s\n', "6:7", "overlap at 08:00"),
        ('      "8-18": 10 MiB/s\n      otherwise: 9 MiB/s\n', "5:7", "'8-18' is no span of the day. Write it as in"),
        ('      "08:00-25:00": 10 MiB/s\n      otherwise: 9 MiB/s\n', "5:7", "A day goes from 00:00 to 24:00"),
        ('      "08:60-09:00": 10 MiB/s\n      otherwise: 9 MiB/s\n', "5:7", "A day goes from 00:00 to 24:00"),
        ('      "08:00-08:00": 10 MiB/s\n      otherwise: 9 MiB/s\n', "5:7", "begins where it ends"),
        ('      "00:00-24:00": 10 MiB/s\n      otherwise: 9 MiB/s\n', "6:7", "never comes: the times fill the day"),
        ('      "08:00-18:00": 10\n      otherwise: 9 MiB/s\n', "5:7", "'10' has no unit"),
        ('      "08:00-18:00": 10 MiB/s\n      otherwise: much\n', "6:7", "'much' is not a rate"),
        ("      otherwise: 9 MiB/s\n", "4:5", "no time of the day has a rate"),
        (
            '      "08:00-18:00": 10 MiB/s\n      otherwise: 9 MiB/s\n      timezone: Mars/Base\n',
            "7:7",
            "'Mars/Base' is no time zone. Write it as Europe/Berlin or UTC",
        ),
        ('      "08:00-18:00": 2 MiB/s\n      otherwise: 9 MiB/s\n', "3:3", "2 MiB/s holds fewer than 3 slots"),
        (
            '      "08:00-18:00": 4 MiB/s\n      otherwise: 9 MiB/s\n    shares: false\n',
            "3:3",
            "times of the day bring nothing without shares. Write one rate",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, yaml: str, place: str, words: str) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(f"# the platform\nlinks:\n  wan:\n    capacity:\n{yaml}    slot: 1 MiB/s\n")
    with pytest.raises(ExceptionGroup) as told:
        read_model(file, "platform.yaml", Platform)

    mistakes = [each for each in told.value.exceptions if isinstance(each, Mistake)]
    assert [str(each) for each in mistakes if words in str(each)], [str(each) for each in mistakes]
    assert str(mistakes[0]).startswith(f"platform.yaml:{place}:")
