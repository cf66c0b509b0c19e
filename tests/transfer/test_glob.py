from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import AddressError
from airflow_datamove.transfer.glob import compile_segment, escape, is_glob, split_glob, unescape

PLAIN = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=12)


@settings(deadline=None, max_examples=200)
@given(PLAIN)
def test_an_escaped_text_is_no_glob_and_means_itself(text: str) -> None:
    assert not is_glob(escape(text))
    assert unescape(escape(text)) == text
    assert compile_segment(escape(text)).fullmatch(text)


def _oracle(pattern: list[object], text: str) -> bool:
    """Matching by trying everything: a list of "*", "?", a set of characters, or one character."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(_oracle(rest, text[cut:]) for cut in range(len(text) + 1))
    if not text:
        return False
    if head == "?":
        return _oracle(rest, text[1:])
    if isinstance(head, frozenset):
        return text[0] in head and _oracle(rest, text[1:])
    return text[0] == head and _oracle(rest, text[1:])


def _written(part: object) -> str:
    if isinstance(part, frozenset):
        return f"[{''.join(sorted(part))}]"
    return str(part)


PARTS = st.lists(
    st.one_of(st.sampled_from(["*", "?", "a", "b", ".", "+"]), st.frozensets(st.sampled_from("ab.+"), min_size=1)),
    max_size=6,
).filter(lambda parts: not any(one == other == "*" for one, other in pairwise(parts)))


@settings(deadline=None, max_examples=300)
@given(PARTS, st.text("ab.+", max_size=6))
def test_matching_agrees_with_trying_everything(parts: list[object], text: str) -> None:
    pattern = "".join(_written(part) for part in parts)
    assert bool(compile_segment(pattern).fullmatch(text)) == _oracle(parts, text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("{a,bc}*", ["a", "bc", "a1"], ["b", "c"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"], ["b", "ab"]),
        ("[!a]", ["b", "!"], ["a", ""]),
        ("[^a-c]", ["d"], ["b"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-c-]", ["b", "-"], ["d"]),
        ("a,b", ["a,b"], ["a", "b"]),
        ("\\*\\?", ["*?"], ["ab"]),
        ("*", ["", ".hidden", "new\nline"], []),
        ("a\\b", ["a\\b"], ["ab"]),
        ("{[a,],b}", ["a", ",", "b"], ["[a"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [text for text in yes if not compile_segment(pattern).fullmatch(text)] == []
    assert [text for text in no if compile_segment(pattern).fullmatch(text)] == []


@pytest.mark.parametrize("pattern", ["**", "a**", "[", "[a", "{", "{a", "a}", "]", "{a,b", "[z-a]"])
def test_a_pattern_that_cannot_be_read_is_told(pattern: str) -> None:
    with pytest.raises(AddressError):
        compile_segment(pattern)


@pytest.mark.parametrize(
    ("path", "prefix", "segments"),
    [
        ("/data/day=*/x", "/data", ["day=*", "x"]),
        ("/*", "", ["*"]),
        ("/a\\*/b/[x]/", "/a*/b", ["[x]"]),
        ("/a/b", "/a/b", []),
        ("//a/*", "//a", ["*"]),
    ],
)
def test_the_fixed_prefix(path: str, prefix: str, segments: list[str]) -> None:
    assert split_glob(path) == (prefix, segments)


def test_a_pattern_from_a_tenant_cannot_hang_a_task() -> None:
    """By trying again and again this takes longer than the test may; as it is, less than a millisecond."""
    assert not compile_segment("*a" * 12 + "*b").fullmatch("a" * 2000)
    assert compile_segment("*a" * 12 + "*b").fullmatch("a" * 2000 + "b")
    with pytest.raises(AddressError, match="stand for more than 256"):
        compile_segment("{a,b,c,d,e,f,g}" * 4)
