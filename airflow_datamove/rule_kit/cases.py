"""Random cases: :func:`cases`. Hypothesis draws them, and makes one that fails as small as it can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from airflow_datamove.rule_kit.model import PATTERNS, Case, Tree
from airflow_datamove.rule_kit.names import both_at_once, characters, unheld
from airflow_datamove.transfer.options import Overwrite

_WORDS = ("-update", "_SUCCESS", ".hidden", "%20", "a%2Fb", "day=1", "#h")


def cases(*schemes: str, compares: bool, keeps_times: bool) -> st.SearchStrategy[Case]:
    """Cases for the stores of some schemes.

    :param schemes: the source's, the destination's; one where they are the same.
    :param compares: see :func:`~airflow_datamove.rule_kit.model.expected`.
    :param keeps_times: a file at the destination can be given an age.
    """
    source, destination = schemes[0], schemes[-1]
    names = _names(characters(source, destination))
    return _cases(
        names,
        unheld(source, destination),
        compares=compares,
        keeps_times=keeps_times,
        both=both_at_once(source, destination),
    )


def _names(alphabet: str) -> st.SearchStrategy[str]:
    text = st.text(st.sampled_from(alphabet), min_size=1, max_size=4).filter(lambda name: name[-1] not in ". ")
    return st.one_of(text, text.map(lambda name: f"{name} " if "\n" in alphabet else name), st.sampled_from(_WORDS))


@st.composite
def _cases(
    draw: st.DrawFn, names: st.SearchStrategy[str], impossible: str, *, compares: bool, keeps_times: bool, both: bool
) -> Case:
    source = draw(_trees(names))
    files = sorted(path for path, content in source.items() if content is not None)
    if both and files and draw(st.integers(0, 9)) == 9:
        source = {**source, f"{draw(st.sampled_from(files))}/{draw(names)}": b"both"}
    name, pattern = "", ""
    kind = draw(st.sampled_from(("directory", "directory", "below", "glob")))
    if kind == "glob":
        pattern = draw(st.sampled_from(PATTERNS))
    elif kind == "below" and source:
        name = draw(st.sampled_from(sorted({part for path in source for part in _paths(path)})))
    is_file = source.get(name) is not None
    standing = draw(st.one_of(st.none(), st.binary(max_size=3), _standing_trees(names, source, name)))
    if isinstance(standing, Mapping):
        standing = {path: old for path, old in standing.items() if not set(impossible) & set(path)}
    newer = draw(st.booleans()) if keeps_times else True
    mirror = not pattern and not is_file and any(_below(source, name).values()) and draw(st.booleans())
    case = Case(
        source,
        name,
        pattern,
        source_slash=not is_file and not pattern and draw(st.booleans()),
        standing=standing,
        newer=newer,
        destination_slash=draw(st.booleans()),
        overwrite=draw(st.sampled_from(Overwrite)),
        mirror=mirror,
    )
    return case


def _trees(names: st.SearchStrategy[str]) -> st.SearchStrategy[Tree]:
    leaf = st.one_of(st.binary(max_size=4), st.none())
    node: st.SearchStrategy[Any] = st.recursive(
        leaf, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=6
    )
    return st.dictionaries(names, node, max_size=4).map(lambda tree: dict(_flat("", tree)))


def _standing_trees(names: st.SearchStrategy[str], source: Tree, name: str) -> st.SearchStrategy[Tree]:
    """Some that have nothing to do with the source, and some that hold what it holds: the same, or other contents."""
    below = _below(source, name)
    clashing = [st.just({path: draw_of}) for path, draw_of in below.items() if draw_of is not None]
    changed = [st.just({path: bytes(reversed(old)) + b"!"}) for path, old in below.items() if old is not None]
    turned = [st.just({path: bytes(255 - byte for byte in old)}) for path, old in below.items() if old is not None]
    blocked: list[st.SearchStrategy[Tree]] = [
        st.just({path: b"in the way"}) if old is None else st.just({f"{path}/x": b"1"}) for path, old in below.items()
    ]
    return st.one_of(_trees(names), *clashing, *changed, *turned, *blocked)


def _below(source: Tree, name: str) -> Mapping[str, bytes | None]:
    if source.get(name) is not None:
        return {name.rpartition("/")[2]: source[name]}
    prefix = f"{name}/" if name else ""
    return {path[len(prefix) :]: each for path, each in source.items() if path.startswith(prefix) and path != prefix}


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, bytes | None]]:
    for name, node in tree.items():
        if isinstance(node, Mapping) and node:
            yield from _flat(f"{prefix}{name}/", node)
        else:
            yield f"{prefix}{name}", None if isinstance(node, Mapping) else node


def _paths(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
