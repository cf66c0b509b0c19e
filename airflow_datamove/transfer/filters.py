"""Which files of a source are copied: :class:`Filters`, by name, size and age.

A pattern without a slash is compared with names at any depth; one with a slash with the path below the source. ``*``
stays within a name, ``**`` as a whole segment stands for any number of them. A pattern that matches a directory speaks
for everything in it. What is both included and excluded is excluded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_datamove.errors import AddressError, WrongUse
from airflow_datamove.stores.contract import Entry
from airflow_datamove.transfer.glob import compile_segment

_MOST_DEPTHS = 3


@dataclass(frozen=True, slots=True)
class Filters:
    """What a user may ask for.

    :raises WrongUse: for a pattern or a limit that makes no sense.
    """

    include: tuple[str, ...] = ()
    """If there are any: only files that one of these patterns matches."""
    exclude: tuple[str, ...] = ()
    """No file that one of these patterns matches."""
    min_size: int | None = None
    """Bytes; no smaller files."""
    max_size: int | None = None
    """Bytes; no larger files."""
    min_age: float | None = None
    """Seconds; no file that was changed later than so long ago."""
    max_age: float | None = None
    """Seconds; no file that was changed earlier than so long ago."""

    def __post_init__(self) -> None:
        compile_patterns(self.include)
        compile_patterns(self.exclude)
        for low, high, what in ((self.min_size, self.max_size, "size"), (self.min_age, self.max_age, "age")):
            if (low is not None and low < 0) or (high is not None and high < 0):
                raise WrongUse(f"min_{what} or max_{what} is below 0", remedy="Leave it out")
            if low is not None and high is not None and low > high:
                raise WrongUse(f"min_{what} is above max_{what}: no file could be copied", remedy="Change one of them")

    def __bool__(self) -> bool:
        return self != Filters()


class Selection:
    """Filters at one moment, ready to be asked.

    :param now: seconds since the epoch; ages are counted from it.
    """

    def __init__(self, filters: Filters, now: float | None = None) -> None:
        self._include = compile_patterns(filters.include)
        self._exclude = compile_patterns(filters.exclude)
        self._least, self._most = filters.min_size or 0, filters.max_size
        now = time.time() if now is None else now
        self._latest = None if filters.min_age is None else now - filters.min_age
        self._earliest = None if filters.max_age is None else now - filters.max_age
        self.active = bool(filters)
        """False: everything is copied."""
        self.by_file = self.active and filters != Filters(exclude=filters.exclude)
        """Files are picked one by one, so that a directory without picked files is not wanted either."""

    def prunes(self, relative: str) -> bool:
        """True if nothing in a directory is copied, nor the directory itself."""
        return self._exclude is not None and self._exclude.fullmatch(relative) is not None

    def takes(self, relative: str, entry: Entry) -> bool:
        """True if a file is copied. One whose time is not known is taken."""
        if not self.active:
            return True
        if not self.names(relative):
            return False
        if entry.size < self._least or (self._most is not None and entry.size > self._most):
            return False
        if entry.modified is None:
            return True
        if self._latest is not None and entry.modified > self._latest:
            return False
        return self._earliest is None or entry.modified >= self._earliest

    def names(self, relative: str) -> bool:
        """True if the patterns let a path through."""
        if self._include is not None and not self._include.fullmatch(relative):
            return False
        return not self.prunes(relative)


def compile_patterns(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One regular expression for all of them; ``None`` if there are none.

    :raises WrongUse: for a pattern that cannot be read.
    """
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_translated(pattern)})" for pattern in patterns), re.DOTALL)


def _translated(pattern: str) -> str:
    segments = [segment for segment in pattern.split("/") if segment]
    if not segments or any(segment in (".", "..") for segment in segments):
        raise WrongUse(f"{pattern!r} is no pattern", remedy="Write a path below the source, such as logs/*.gz")
    if segments.count("**") > _MOST_DEPTHS:
        raise WrongUse(
            f"{pattern!r} has more than {_MOST_DEPTHS} times **", remedy="Use fewer: they cost much to match"
        )
    anywhere = "/" not in pattern.rstrip("/")
    out = "(?:.*/)?" if anywhere else ""
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "**":
            out += ".*" if last else "(?:[^/]+/)*"
            continue
        try:
            out += compile_segment(segment).pattern + ("" if last else "/")
        except AddressError as error:
            raise WrongUse(error.message, remedy="Write ** as a segment of its own, as in a/**/b") from None
    return f"{out}(?:/.*)?"
