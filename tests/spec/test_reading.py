"""YAML with places: every odd file is a clear mistake, and a sound one keeps its values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.spec.mistakes import Mistake, Place
from airflow_datamove.spec.reading import parse_document, read_document

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n" for before, after in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1,\nb: 2", (2, 5), "is not YAML"),
        ("a:\n\tb: 1", (2, 1), "Indent with spaces"),
        ("a: b: c", (1, 5), "Quote the text that holds a colon"),
        ("a: 1\nb: 2\na: 3", (3, 1), "the key 'a' stands twice"),
        ("x: !!python/object:os.system {}", (1, 4), "is not understood"),
        ("x: !secret abc", (1, 4), "the tag !secret is not understood"),
        ("base: &b {k: 1}\nx:\n  <<: *b", (3, 3), "merging"),
        ("[1]: 2", (1, 1), "a key must be text"),
        ("x: .inf", (1, 4), "infinity"),
        ("", (1, 1), "is empty"),
        ("# only a comment", (1, 1), "is empty"),
        ("a: *nowhere", (1, 4), "is not YAML"),
        ("--- 1\n--- 2", (2, 1), "is not YAML"),
        (BOMB, None, "grows to more than"),
        ("a: " + "[" * 60 + "]" * 60, None, "grows to more than"),
        ("a: " + "[" * 5000, None, "is not YAML"),
        ("a: &a [*a]", None, "grows to more than"),
        ("a: \x00", None, "is not YAML"),
    ],
)
def test_what_is_not_sound_yaml_is_one_clear_mistake(text: str, place: tuple[int, int] | None, words: str) -> None:
    with pytest.raises(Mistake, match=words) as caught:
        parse_document(text, "x.yaml")
    assert str(caught.value).startswith("x.yaml:")
    assert caught.value.remedy
    if place:
        assert caught.value.place == Place(*place)


def test_a_mistake_shows_the_lines_around_its_place() -> None:
    with pytest.raises(Mistake) as caught:
        parse_document("first: 1\nsecond: 2\nsecond: 3\nlast: 4\n", "x.yaml")
    assert caught.value.full().splitlines()[1:] == [
        "    2 | second: 2",
        "    3 | second: 3",
        "      | ^",
        "    4 | last: 4",
    ]


def test_values_keep_their_places() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - y: 2\n", "x.yaml")
    assert document.place(("b", 1, "y")) == Place(4, 5)
    assert document.place(("b", 1, "z")) == Place(4, 5)
    assert document.place(("nowhere",)) == Place(1, 1)


def test_dates_stay_text() -> None:
    assert parse_document("day: 2026-01-02", "x.yaml").values == {"day": "2026-01-02"}


def test_an_alias_may_be_used() -> None:
    assert parse_document("a: &a [1]\nb: *a", "x.yaml").values == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("content", "words"), [(b"a: \xff", "is not UTF-8"), (b"a" * (2**20 + 1), "larger than 1 MiB")]
)
def test_a_file_that_is_no_text_is_a_mistake(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(Mistake, match=words):
        read_document(path, "x.yaml")


_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_text, _values, min_size=1, max_size=4))
def test_what_yaml_wrote_is_read_back(values: dict[str, object]) -> None:
    text = yaml.safe_dump(values, allow_unicode=True)
    assert parse_document(text, "x.yaml").values == values
