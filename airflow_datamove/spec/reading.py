"""YAML with places: plain values, and where in the file each of them stands.

YAML 1.1's surprises are taken out where they would change what people mean: a key may stand only once, an alias may be
used but not multiplied into a bomb, and only text, numbers, booleans, null, lists and mappings are understood.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from airflow_datamove.spec.mistakes import Mistake, Place, excerpt

_LARGEST_FILE = 1024 * 1024
_MOST_VALUES = 20_000
_DEEPEST = 40
_COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_SCALARS = {"tag:yaml.org,2002:" + kind for kind in ("str", "int", "float", "bool", "null")}

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its values, and the place of each key or list item by its path."""

    file: str
    values: Any
    places: Mapping[Path_, Place]
    lines: list[str]

    def place(self, path: Path_) -> Place:
        """Where ``path`` stands, or its nearest ancestor that stands anywhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def mistake(self, path: Path_, message: str, remedy: str = "") -> Mistake:
        """A mistake at ``path``, with the lines around it."""
        place = self.place(path)
        return Mistake(self.file, place, message, remedy, excerpt(self.lines, place))


def read_document(path: Path, shown: str, *, root: Path | None = None) -> Document:
    """Reads one YAML file.

    :param shown: how messages name the file (relative to the platform's folder).
    :param root: see :func:`read_content`.
    :raises Mistake: if it cannot be read, is not YAML, is empty, or is a bomb.
    """
    try:
        text = read_content(path, shown, root=root).decode()
    except UnicodeDecodeError as error:
        raise Mistake(shown, Place(1, 1), f"is not UTF-8 (byte {error.start})", "Save it as UTF-8") from None
    return parse_document(text, shown)


def read_content(path: Path, shown: str, *, root: Path | None = None) -> bytes:
    """The bytes of one YAML file.

    :param root: the folder that a link may not lead out of: what is read is shown in messages, and a tenant could
        otherwise have any file of the machine shown to it. Links inside are followed; Kubernetes mounts files so.
    :raises Mistake: if it is no plain file, leads out of the folder, is too large or cannot be read.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        if root is not None and not real.is_relative_to(os.path.realpath(root)):
            raise Mistake(shown, Place(1, 1), "is a link that leads out of the folder", "Put the file itself here")
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Mistake(shown, Place(1, 1), "is no plain file", "Put a file here")
        if status.st_size > _LARGEST_FILE:
            raise Mistake(shown, Place(1, 1), "the file is larger than 1 MiB", "Split it into several pipelines")
        return real.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        remedy = "Mend the link or the permissions"
        raise Mistake(shown, Place(1, 1), f"cannot be read: {reason}", remedy) from None


def parse_document(text: str, shown: str) -> Document:
    """Reads YAML text; see :func:`read_document`."""
    lines = text.splitlines()
    try:
        try:
            root = yaml.compose(text, Loader=_Fast)  # type: ignore[arg-type]
        except yaml.YAMLError:
            root = yaml.compose(text, Loader=yaml.SafeLoader)  # it knows better where, and what
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        what = f"is not YAML: {error.problem or error.context}"
        raise Mistake(shown, place, what, _yaml_remedy(str(error.problem)), excerpt(lines, place)) from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise Mistake(shown, Place(1, 1), f"is not YAML: {reason}", "Mend the file") from None
    if root is None:
        raise Mistake(shown, Place(1, 1), "is empty", "Write at least the required fields")
    reader = _Reader(shown, lines)
    values = reader.value(root, (), 0)
    return Document(shown, values, reader.places, lines)


if yaml.__with_libyaml__:
    from yaml._yaml import CParser  # type: ignore[import-untyped, unused-ignore]

    class _Fast(yaml.composer.Composer, CParser, yaml.resolver.Resolver):  # type: ignore[misc, unused-ignore]
        """Events from the parser in C, which is many times as fast, made into nodes in Python: the C library's own way
        from events to nodes calls itself for each level, and a file of brackets would end the process."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            yaml.composer.Composer.__init__(self)
            yaml.resolver.Resolver.__init__(self)

else:
    _Fast = yaml.SafeLoader  # type: ignore[misc, assignment]


class _Reader:
    """Turns YAML's node graph into values, counting them so that aliases cannot multiply without end."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.places: dict[Path_, Place] = {}
        self._count = 0
        self._scalars = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: Path_, depth: int) -> Any:
        self._count += 1
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.places.setdefault(path, place)
        if self._count > _MOST_VALUES or depth > _DEEPEST:
            raise self._mistake(
                node, f"grows to more than {_MOST_VALUES} values or {_DEEPEST} levels", "Split it, or remove aliases"
            )
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise self._mistake(node, f"the tag {node.tag} is not understood", "Leave it out")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path_, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag == "tag:yaml.org,2002:merge":
                raise self._mistake(key_node, "a key must be text, and merging (<<) is not understood", "Write it out")
            if key in values:
                raise self._mistake(key_node, f"the key {key!r} stands twice", "Keep one of them")
            self.places[(*path, key)] = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            values[key] = self.value(value_node, (*path, key), depth + 1)
        return values

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        if node.tag not in _SCALARS:
            raise self._mistake(node, f"the tag {node.tag} is not understood", "Write plain text, or quote it")
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            raise self._mistake(node, "this number cannot be read", "Quote it if it is text") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._mistake(node, "infinity and not-a-number are not understood", "Write a number")
        return value

    def _mistake(self, node: yaml.Node, message: str, remedy: str) -> Mistake:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        return Mistake(self.file, place, message, remedy, excerpt(self.lines, place))


def _yaml_remedy(problem: str) -> str:
    if "cannot start any token" in problem and "\\t" in problem:
        return "Indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return "Quote the text that holds a colon, or mend the indentation"
    return "Mend the indentation or the quotes near this line"
