r"""Globs in a source: ``* ? [ ] { }``, never across a ``/``; a backslash before one of them, or a backslash, is plain.

``*`` also matches a leading dot: hidden files are data. ``[!x]`` and ``[^x]`` negate; braces may be nested.
"""

from __future__ import annotations

import re

from airflow_datamove.errors import AddressError

_MAGIC = frozenset("*?[]{}")
_ESCAPABLE = _MAGIC | {"\\"}


def is_glob(text: str) -> bool:
    """True if ``text`` holds a glob character that is not escaped."""
    return any(magic for magic, _ in _tokens(text))


def unescape(text: str) -> str:
    """The plain text that an address without globs means."""
    return "".join(char for _, char in _tokens(text))


def escape(text: str) -> str:
    """The way to write a plain text in a source."""
    return "".join(f"\\{char}" if char in _ESCAPABLE else char for char in text)


def split_glob(path: str) -> tuple[str, list[str]]:
    """Cuts a path into its fixed prefix (plain, without a trailing slash) and the segments from the first glob on.

    ``/data/day=*/x`` gives ``("/data", ["day=*", "x"])``.
    """
    segments = path.removeprefix("/").rstrip("/").split("/")
    first = next((index for index, segment in enumerate(segments) if is_glob(segment)), len(segments))
    prefix = "".join(f"/{unescape(segment)}" for segment in segments[:first])
    return prefix, segments[first:]


def compile_segment(pattern: str) -> re.Pattern[str]:
    """A regular expression for one segment of a path.

    :raises AddressError: for ``**``, and for brackets or braces that are not closed.
    """
    tokens = list(_tokens(pattern))
    out: list[str] = []
    depth = index = 0
    while index < len(tokens):
        magic, char = tokens[index]
        index += 1
        if not magic:
            out.append("|" if char == "," and depth else re.escape(char))
        elif char == "*":
            if index < len(tokens) and tokens[index] == (True, "*"):
                raise AddressError(f"{pattern!r}: ** is not supported", remedy="Name the directory to copy its tree")
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            text, index = _character_class(pattern, tokens, index)
            out.append(text)
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        else:
            raise _unbalanced(pattern, char)
    if depth:
        raise _unbalanced(pattern, "{")
    return re.compile("".join(out), re.DOTALL)


def _character_class(pattern: str, tokens: list[tuple[bool, str]], index: int) -> tuple[str, int]:
    negated = index < len(tokens) and tokens[index][1] in ("!", "^")
    start = index = index + negated
    members: list[str] = []
    while index < len(tokens) and (tokens[index] != (True, "]") or index == start):
        low = tokens[index][1]
        if index + 2 < len(tokens) and tokens[index + 1][1] == "-" and tokens[index + 2] != (True, "]"):
            high = tokens[index + 2][1]
            if high < low:
                raise AddressError(f"{pattern!r}: {low}-{high} is not a range", remedy=f"Write {high}-{low}")
            members.append(f"{re.escape(low)}-{re.escape(high)}")
            index += 3
        else:
            members.append(re.escape(low))
            index += 1
    if index >= len(tokens):
        raise _unbalanced(pattern, "[")
    # A slash is never matched: names do not hold one, so the class needs no exception for it.
    return f"[{'^' if negated else ''}{''.join(members)}]", index + 1


def _unbalanced(pattern: str, char: str) -> AddressError:
    return AddressError(
        f"{pattern!r}: {char} has no partner",
        remedy=f"Write \\{char} if it belongs to the name; a glob never crosses a /",
    )


def _tokens(text: str) -> list[tuple[bool, str]]:
    """(is a glob character, the character) with escapes taken away."""
    tokens: list[tuple[bool, str]] = []
    index = 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text) and text[index + 1] in _ESCAPABLE:
            tokens.append((False, text[index + 1]))
            index += 2
        else:
            tokens.append((char in _MAGIC, char))
            index += 1
    return tokens
