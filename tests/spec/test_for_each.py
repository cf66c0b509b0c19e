"""Items are put in once, after Jinja has had its turn, and nothing in them or around them is a template then."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from pydantic import ValidationError

from airflow_datamove.spec.for_each import ForEach, fill_items, keep_items
from airflow_datamove.spec.templates import check_templates
from airflow_datamove.transfer.glob import escape


def rendered(text: str, item: Any, **context: Any) -> Any:
    return fill_items(jinja2.Environment().from_string(keep_items(text)).render(**context), item)


@pytest.mark.parametrize(
    ("text", "item", "becomes"),
    [
        ("x/{{ item }}/{{ ds }}", "eu", "x/eu/2026"),
        ("x/{{item.a}}/{{- item.b -}}/", {"a": 1, "b": True}, "x/1/True/"),
        ("{{ item }}", "{{ ds }}", "{{ ds }}"),
        ("{{ item }}{{ item }}", "{{ item }}", "{{ item }}{{ item }}"),
        ("{{ item }}", "{% raw %}", "{% raw %}"),
        ("{{ ds }}", "eu", "2026"),
        ("{{ items }}", "eu", ""),
    ],
)
def test_an_item_is_never_a_template(text: str, item: Any, becomes: str) -> None:
    assert rendered(text, item, ds="2026") == becomes


def test_lists_and_mappings_are_gone_through() -> None:
    values = {"a": ["{{ item }}", 1, None], "b": {"c": "{{ item }}"}, "d": False}
    assert fill_items(keep_items(values), "x", escape=None) != values
    assert fill_items(values, "[x]", escape=escape) == {"a": ["\\[x\\]", 1, None], "b": {"c": "\\[x\\]"}, "d": False}


@pytest.mark.parametrize(
    "text",
    [
        "{% raw %}{{ item }}{{ conn.x.password }}{% raw %}{% endraw %}",
        "{%- raw -%}{{ conn.x }}{%- endraw -%}",
        "{# {{ item }} #}",
    ],
)
def test_nothing_can_hide_behind_raw(text: str) -> None:
    with pytest.raises(ValueError, match="may not hold statements"):
        check_templates(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "needs items or a listing"),
        ({}, "needs items or a listing"),
        ({"in": ["a"], "list": "file:///a/"}, "needs items or a listing"),
        (["a", {"b": 1}], "differ in their keys"),
        ([{"a": 1}, {"b": 1}], "differ in their keys"),
        ([{"a-b": 1}], "cannot be a key"),
        (["{{ ds }}"], "would not be rendered"),
        ({"list": "nowhere"}, "has no scheme"),
        ({"in": ["a"] * 1001}, "at most 1000"),
    ],
)
def test_what_cannot_be_gone_through(value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ForEach.model_validate(value, context={"yaml": True})
