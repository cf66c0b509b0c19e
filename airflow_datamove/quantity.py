"""Sizes and rates as people write them: ``1 GiB``, ``25 MiB/s``, ``50 Gbit/s``.

Units follow IEC 80000-13 and SI: ``KiB`` is 1024 bytes, ``kB`` is 1000 bytes, ``Gbit`` is 10**9 bits.
A size is an ``int`` of bytes, a rate an ``int`` of bytes per second, a span of time a ``float`` of seconds.
"""

from __future__ import annotations

import re
from fractions import Fraction

from airflow_datamove.errors import QuantityError

_SI = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_IEC = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40, "pi": 2**50}
_PREFIXES = {**_SI, **_IEC}
_QUANTITY = re.compile(r"\s*(\d{1,19}(?:\.\d{1,9})?)\s*([kmgtp]?i?)(bits?|bytes?|b)?\s*(/\s*s|ps)?\s*", re.IGNORECASE)
_SHARE = re.compile(r"\s*(\d{1,3}(?:\.\d{1,20})?(?:e-\d+)?)\s*(%?)\s*")
_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([smhdw]?)\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LARGEST = 2**63 - 1
_SHOWN = 40


def parse_size(text: str | int) -> int:
    """Reads a size.

    :param text: ``"1 GiB"``, ``"250MB"``, ``"4096"`` or an ``int`` of bytes.
    :return: bytes.
    :raises QuantityError: if it is not a size, is negative, or passes 2**63 - 1.
    """
    return _parse(text, rate=False)


def parse_rate(text: str | int) -> int:
    """Reads a rate.

    :param text: ``"25 MiB/s"``, ``"50 Gbit/s"``, ``"10Gbps"`` or an ``int`` of bytes per second. A text without a unit
        is refused: who writes 25 means no 25 bytes.
    :return: bytes per second, rounded down, at least 1.
    :raises QuantityError: if it is not a rate, is zero or negative, or passes 2**63 - 1.
    """
    return _parse(text, rate=True)


def parse_duration(text: str | int | float) -> float:
    """Reads a span of time.

    :param text: ``"90 s"``, ``"30m"``, ``"12h"``, ``"7d"``, ``"2w"``, or a number of seconds. A text without a unit is
        refused, unless it is 0.
    :return: seconds.
    :raises QuantityError: if it is not a span of time, or is negative.
    """
    remedy = "Write a number of s, m, h, d or w, such as 7d"
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise QuantityError(f"{_shown(text)} is not a span of time", remedy=remedy)
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise QuantityError(f"{_shown(text)} is not a span of time", remedy=remedy)
    number = float(match[1])
    if isinstance(text, str) and number and not match[2]:
        raise QuantityError(f"{_shown(text)} has no unit", remedy=f"Write {match[1]}s, {match[1]}h or {match[1]}d")
    return number * _SECONDS[match[2] or "s"]


def parse_share(text: str | int | float) -> float:
    """Reads a share of a whole.

    :param text: ``"75%"``, or a number from 0 to 1.
    :return: 0.0 to 1.0.
    :raises QuantityError: if it is not a share, or is out of that range.
    """
    match = _SHARE.fullmatch(str(text)) if not isinstance(text, bool) else None
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise QuantityError(f"{_shown(text)} must be between 0% and 100%", remedy="Write it as 75%")
    return share


def format_size(size: float) -> str:
    """Writes bytes for people: ``1.5 GiB``. A whole number of a unit reads back exactly by :func:`parse_size`."""
    for unit, factor in (("PiB", 2**50), ("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            value = size / factor
            return f"{int(value)} {unit}" if size % factor == 0 else f"{value:.1f} {unit}"
    return f"{int(size)} B"


def format_rate(rate: float) -> str:
    """Writes bytes per second for people: ``25 MiB/s``."""
    return f"{format_size(rate)}/s"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _parse(text: str | int, *, rate: bool) -> int:
    kind, example = ("rate", "25 MiB/s or 50 Gbit/s") if rate else ("size", "1 GiB or 250 MB")
    remedy = f"Write a {kind} such as {example}"
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise QuantityError(f"{_shown(text)} is not a {kind}", remedy=remedy)
    if isinstance(text, int):
        value = Fraction(text)
    else:
        match = _QUANTITY.fullmatch(text)
        if match is None or match[2].lower() not in _PREFIXES:
            raise QuantityError(f"{_shown(text)} is not a {kind}", remedy=remedy)
        number, prefix, unit, per_second = match.groups()
        unit = unit or ""
        if rate and not (prefix or unit or per_second) and float(number):
            raise QuantityError(
                f"{_shown(text)} has no unit", remedy=f"Write {number}MiB/s, {number}Mbit/s or {number}B/s"
            )
        if bool(per_second) != rate and (per_second or prefix or unit):
            raise QuantityError(f"{_shown(text)} is not a {kind}", remedy=remedy)
        in_bits = unit.lower().startswith("bit") or (per_second == "ps" and unit == "b")
        if unit == "b" and not in_bits and rate:
            raise QuantityError(f"{_shown(text)} may mean bits or bytes", remedy="Write bit/s or B/s")
        value = Fraction(number) * _PREFIXES[prefix.lower()] / (8 if in_bits else 1)
    least = 1 if rate else 0
    if not least <= value <= _LARGEST:
        raise QuantityError(f"{_shown(text)} is out of range", remedy=remedy)
    return int(value)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
