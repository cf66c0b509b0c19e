r"""Globs in a source: ``* ? [ ] { }``, never across a ``/``; a backslash before one of them, or a backslash, is plain.

``*`` also matches a leading dot: hidden files are data. ``[!x]`` and ``[^x]`` negate; braces may be nested.
"""

from __future__ import annotations

import re

from airflow_datamove.errors import AddressError

_MAGIC = frozenset("*?[]{}")
_MOST_WAYS = 256
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
    """A regular expression for one segment of a path. Patterns come from tenants, so matching one takes time that grows
    with the name's length times the pattern's, and no faster.

    :raises AddressError: for ``**``, for brackets or braces that are not closed, and where braces stand for too much.
    """
    ways = "|".join(_translated(pattern, each) for each in _expanded(pattern, _tokens(pattern)))
    return re.compile(f"(?:{ways})", re.DOTALL)


def _expanded(pattern: str, tokens: list[tuple[bool, str]]) -> list[list[tuple[bool, str]]]:
    """What braces stand for: the same without any, one for each way to choose."""
    found: list[list[tuple[bool, str]]] = [[]]
    index = 0
    while index < len(tokens):
        if tokens[index] == (True, "}"):
            raise _unbalanced(pattern, "}")
        if tokens[index] != (True, "{"):
            end = _end_of(pattern, tokens, index)
            for each in found:
                each.extend(tokens[index:end])
            index = end
            continue
        choices, index = _choices(pattern, tokens, index + 1)
        ways = [way for choice in choices for way in _expanded(pattern, choice)]
        if len(found) * len(ways) > _MOST_WAYS:
            raise AddressError(f"{pattern!r}: the braces stand for more than {_MOST_WAYS} patterns", remedy="Use fewer")
        found = [[*each, *way] for each in found for way in ways]
    return found


def _choices(pattern: str, tokens: list[tuple[bool, str]], index: int) -> tuple[list[list[tuple[bool, str]]], int]:
    """What stands between two braces, cut at its commas, and where it ends."""
    choices: list[list[tuple[bool, str]]] = [[]]
    depth = 0
    while index < len(tokens):
        token, start = tokens[index], index
        index = _end_of(pattern, tokens, index)
        if token == (True, "}") and depth == 0:
            return choices, index
        depth += (token == (True, "{")) - (token == (True, "}"))
        if token == (False, ",") and depth == 0:
            choices.append([])
        else:
            choices[-1].extend(tokens[start:index])
    raise _unbalanced(pattern, "{")


def _end_of(pattern: str, tokens: list[tuple[bool, str]], index: int) -> int:
    """Where a token ends, or the brackets that it begins: a comma or a brace in those is one of their characters."""
    return _character_class(pattern, tokens, index + 1)[1] if tokens[index] == (True, "[") else index + 1


def _translated(pattern: str, tokens: list[tuple[bool, str]]) -> str:
    pieces = [""]
    index = 0
    while index < len(tokens):
        magic, char = tokens[index]
        index += 1
        if not magic:
            pieces[-1] += re.escape(char)
        elif char == "*":
            if index < len(tokens) and tokens[index] == (True, "*"):
                raise AddressError(f"{pattern!r}: ** is not supported", remedy="Name the directory to copy its tree")
            pieces.append("")
        elif char == "?":
            pieces[-1] += "[^/]"
        elif char == "[":
            text, index = _character_class(pattern, tokens, index)
            pieces[-1] += text
        else:
            raise _unbalanced(pattern, char)
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    # What follows a star is best found as early as it can be, so that nothing need ever be tried again (?>...).
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"


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
