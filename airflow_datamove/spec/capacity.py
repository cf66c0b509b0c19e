"""What a link can carry, always or by the time of day: :class:`Capacity`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo

from airflow_datamove.errors import QuantityError, SpecError
from airflow_datamove.quantity import parse_rate
from airflow_datamove.spec.fields import in_yaml

DAY = 24 * 60
"""Minutes."""
OTHERWISE, TIMEZONE = "otherwise", "timezone"
SPAN_PATTERN = r"^\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*$"
_MOST = 48


@dataclass(frozen=True, slots=True)
class Capacity:
    """Bytes/s over the day.

    :param parts: (first minute of the day, bytes/s), in the order of time, from minute 0 on.
    :param timezone: whose clock tells the time of day.
    """

    parts: tuple[tuple[int, int], ...]
    timezone: str = "UTC"

    @property
    def smallest(self) -> int:
        """What can be promised at any time."""
        return min(rate for _, rate in self.parts)

    @property
    def largest(self) -> int:
        """What there is at the best of times."""
        return max(rate for _, rate in self.parts)

    def at(self, now: int) -> int:
        """Bytes/s at a moment, milliseconds since 1970."""
        if len(self.parts) == 1:
            return self.parts[0][1]
        there = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(self.timezone))
        minute = there.hour * 60 + there.minute
        return next(rate for begin, rate in reversed(self.parts) if begin <= minute)

    def least(self, now: int, seconds: float) -> int:
        """The least bytes/s from a moment on for some seconds, fewer than a minute."""
        return min(self.at(now), self.at(now + int(timedelta(seconds=seconds) / timedelta(milliseconds=1))))

    def __str__(self) -> str:
        """In one line, as :meth:`parse` reads it."""
        return " ".join([self.timezone, *(f"{begin}={rate}" for begin, rate in self.parts)])

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, text: str) -> Self:
        """Reads what ``str`` wrote."""
        timezone, *parts = text.split()
        pairs = (part.split("=") for part in parts)
        return cls(tuple((int(begin), int(rate)) for begin, rate in pairs), timezone)


def read_capacity(value: Any, info: ValidationInfo) -> Capacity:
    """Reads ``capacity:`` of a link.

    :param value: a rate, such as ``10 Gbit/s``; or a mapping of times of the day to rates, such as
        ``{"08:00-18:00": "10 Gbit/s", "otherwise": "50 Gbit/s", "timezone": "Europe/Berlin"}``. A span may pass
        midnight; without ``timezone`` the times are UTC's.
    :raises SpecError: if it is neither, if spans overlap, or if some time of the day has no rate.
    """
    if isinstance(value, Capacity):
        return value
    if not isinstance(value, Mapping):
        bare = in_yaml(info) and isinstance(value, (int, float)) and not isinstance(value, bool)
        return Capacity(((0, parse_rate(str(value) if bare else value)),))
    if len(value) > _MOST:
        raise SpecError(f"more than {_MOST} times of the day", remedy="A few will do")
    timezone = _timezone(value.get(TIMEZONE, "UTC"))
    minutes: list[int | None] = [None] * DAY
    spans = {name: rate for name, rate in value.items() if name not in (OTHERWISE, TIMEZONE)}
    if not spans:
        raise SpecError("no time of the day has a rate", remedy=f"Write a rate alone, or {_EXAMPLE}")
    taken: list[str | None] = [None] * DAY
    for name, rate in spans.items():
        bytes_per_second = _rate(name, rate)
        for minute in _minutes(name):
            if (other := taken[minute]) is not None:
                raise _Within(
                    name, f"{name} and {other} overlap at {_clock(minute)}", "Let one end where the other begins"
                )
            taken[minute], minutes[minute] = str(name), bytes_per_second
    if OTHERWISE in value:
        rest = _rate(OTHERWISE, value[OTHERWISE])
        if None not in minutes:
            raise _Within(OTHERWISE, "never comes: the times fill the day", "Take it out")
        minutes = [rest if rate is None else rate for rate in minutes]
    elif None in minutes:
        gap = minutes.index(None)
        raise SpecError(f"no rate at {_clock(gap)}", remedy="Fill the day, or add otherwise: with a rate")
    parts: list[tuple[int, int]] = []
    for minute, each in enumerate(minutes):
        if each is not None and (not parts or parts[-1][1] != each):
            parts.append((minute, each))
    return Capacity(tuple(parts), timezone)


class _Within(SpecError):
    """A mistake at one of the keys.

    :param key: which one.
    """

    def __init__(self, key: Any, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.within = (key,)


_EXAMPLE = '{"08:00-18:00": 10 Gbit/s, otherwise: 50 Gbit/s}'


def _minutes(name: Any) -> list[int]:
    match = re.match(SPAN_PATTERN, str(name))
    if match is None:
        raise _Within(name, f"{str(name)[:40]!r} is no span of the day", f"Write it as in {_EXAMPLE}")
    hours = [(int(match[1]), int(match[2])), (int(match[3]), int(match[4]))]
    if any(minute > 59 or hour * 60 + minute > DAY for hour, minute in hours):
        raise _Within(name, f"{name!r} is no span of the day", "A day goes from 00:00 to 24:00")
    begin, end = (hour * 60 + minute for hour, minute in hours)
    if begin % DAY == end % DAY and (begin, end) != (0, DAY):
        raise _Within(name, f"{name!r} begins where it ends", "For the whole day write 00:00-24:00")
    return [minute % DAY for minute in range(begin, end if end > begin else end + DAY)]


def _rate(name: str, value: Any) -> int:
    try:
        return parse_rate(str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value)
    except QuantityError as error:
        raise _Within(name, error.message, error.remedy) from None


def _timezone(name: Any) -> str:
    try:
        ZoneInfo(name)
    except Exception:  # the library raises four kinds, one of them by the file system
        raise _Within(TIMEZONE, f"{str(name)[:40]!r} is no time zone", "Write it as Europe/Berlin or UTC") from None
    return str(name)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
