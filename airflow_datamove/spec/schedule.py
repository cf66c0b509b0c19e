"""When a pipeline runs: cron, presets, time zones, dates."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

from airflow_datamove.errors import SpecError

PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_ANY_DAY = datetime(2026, 1, 1)


@lru_cache(maxsize=4096)
def _mistake_in(text: str) -> tuple[str, str] | None:
    """What is wrong with a schedule, and the remedy. Thousands of pipelines share a few schedules."""
    from croniter import CroniterBadDateError, croniter

    if text in PRESETS:
        return None
    if len(text.split()) != 5 or not croniter.is_valid(text):
        return "is not a schedule", 'Write five cron fields, "0 2 * * *", or @daily, or null'
    try:
        croniter(text, _ANY_DAY).get_next()
    except CroniterBadDateError:
        return "never comes", "Name a day that exists"
    return None


def _check_schedule(value: Any) -> str | None:
    if value is None:
        return None
    wrong = _mistake_in(value) if isinstance(value, str) else _mistake_in("")
    if wrong:
        raise SpecError(f"{str(value)[:80]!r} {wrong[0]}", remedy=wrong[1])
    return str(value)


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a name that is a path, a folder, or none
        return False
    return True


def _check_zone(value: Any) -> str:
    if not isinstance(value, str) or not _is_zone(value):
        raise SpecError(f"{str(value)[:80]!r} is not a time zone", remedy="Write one of the tz database: Europe/Berlin")
    return value


def _check_date(value: Any) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise ValueError
    except ValueError:
        raise SpecError(
            f"{str(value)[:80]!r} is not a date", remedy="Write 2026-01-31 or 2026-01-31T06:00; timezone: says where"
        ) from None
    return value


Schedule = Annotated[
    str | None,
    BeforeValidator(_check_schedule),
    WithJsonSchema(
        {"anyOf": [{"type": "null"}, {"enum": list(PRESETS)}, {"type": "string", "pattern": r"^\s*\S+(\s+\S+){4}\s*$"}]}
    ),
]
"""Five cron fields, or a preset."""
TimeZone = Annotated[
    str, BeforeValidator(_check_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})
]
Date = Annotated[
    str,
    BeforeValidator(_check_date),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$"}),
]
"""A day, or a day and an hour, in the pipeline's time zone."""


def date_of(text: str, zone: str) -> datetime:
    """The moment that a :data:`Date` means."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
