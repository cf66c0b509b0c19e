"""A mistake in a YAML file or a request: file:line:column, what, the lines around it, and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from airflow_datamove.address import carries_credential
from airflow_datamove.errors import DatamoveError, SpecError

_SHOWN = 80
_MOST = 20
_SHAPES = {"model_type": "a mapping of fields", "dict_type": "a mapping of names", "list_type": "a list"}
_KEYED_SECRET = re.compile(
    r"(password|passwd|secret|token|credential|connection_string|account[._-]?key)\s*['\"]?\s*[:=]", re.I
)


class Place(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


class Mistake(SpecError):
    """One mistake in one file.

    :param file: the file, relative to the platform's folder.
    :param excerpt: the lines around the place, with a caret under it.
    """

    def __init__(self, file: str, place: Place, message: str, remedy: str = "", excerpt: str = "") -> None:
        self.file = file
        self.place = place
        self.what = message
        self.excerpt = excerpt
        super().__init__(f"{file}:{place.line}:{place.column}: {message}", remedy=remedy)

    def full(self) -> str:
        """The message with the lines around the place, as an import error shows it."""
        return f"{self}\n{self.excerpt}" if self.excerpt else str(self)


class Problem(NamedTuple):
    """What pydantic found wrong, in our words: where, what, remedy."""

    path: tuple[str | int, ...]
    message: str
    remedy: str


def excerpt(lines: Sequence[str], place: Place) -> str:
    """The line of ``place`` with one before and one after, and a caret under the column.

    A line that seems to hold a credential is not shown: who may see import errors sees those of every tenant.
    """
    shown = []
    for number in range(max(1, place.line - 1), min(len(lines), place.line + 1) + 1):
        text = lines[number - 1]
        secret = carries_credential(text) or _KEYED_SECRET.search(text) is not None
        shown.append(f"{number:>5} | {'(not shown: it carries a credential)' if secret else text[:160]}")
        if number == place.line and place.column <= 160:
            shown.append(f"      | {' ' * (place.column - 1)}^")
    return "\n".join(shown)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``Did you mean 'source'?`` or the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(str(word)[:_SHOWN], names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}"


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every finding of a pydantic validation, in the words of the people who write the YAML.

    :param model: the model at the root, for the names that a misspelt field may have meant.
    """
    found = []
    for each in error.errors(include_url=False)[:_MOST]:
        path = each["loc"]
        if path[-1:] == ("[key]",) and each["type"] != "extra_forbidden":
            path = path[:-1]  # what is wrong is a mapping's key; pydantic marks that in the location
        cause = each.get("ctx", {}).get("error")
        path += getattr(cause, "within", ())
        if each["type"] == "extra_forbidden":
            remedy = did_you_mean(path[-1], _fields_at(model, path[:-1]))
            found.append(Problem(path, f"unknown field {_shown(path[-1])}", remedy))
        elif each["type"] == "missing":
            found.append(Problem(path, f"{path[-1]!r} is missing", f"Add {path[-1]}:"))
        elif isinstance(cause, DatamoveError):
            found.append(Problem(path, f"{_named(path)}{cause.message}", cause.remedy))
        elif cause is not None:
            found.append(Problem(path, f"{_named(path)}{cause}", ""))
        elif each["type"] in _SHAPES:
            found.append(
                Problem(path, f"{_named(path)}must be {_SHAPES[each['type']]}, not {_shown(each['input'])}", "")
            )
        elif each["type"] == "too_short":
            found.append(Problem(path, f"{_named(path)}must not be empty", ""))
        else:
            message = each["msg"][0].lower() + each["msg"][1:]
            found.append(Problem(path, f"{_named(path)}{message}, not {_shown(each['input'])}", ""))
    return found


def _named(path: tuple[str | int, ...]) -> str:
    return f"{path[-1]}: " if path and isinstance(path[-1], str) else ""


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        return "a number of thousands of digits"
    if value is None:
        return "null"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The names of the fields of the model that stands at ``path`` below ``model``."""
    current: Any = model
    for part in path:
        current = _inner(current, part)
        if current is None:
            return []
    return [f.alias or name for name, f in current.model_fields.items()] if _is_model(current) else []


def _inner(kind: Any, part: str | int) -> Any:
    if _is_model(kind):
        for name, each in kind.model_fields.items():
            if part in (name, each.alias):
                return _first_model(each.annotation)
    return kind if _is_model(kind) else None


def _first_model(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    for argument in reversed(getattr(annotation, "__args__", ())):
        if (found := _first_model(argument)) is not None:
            return found
    return None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
