"""Jinja templates in a pipeline's addresses: which are allowed, and how much of an address is known before rendering.

A tenant writes YAML, and a template is rendered with everything that Airflow hands to a task: any connection, any
variable. So only the run's dates and its params may be named.
"""

from __future__ import annotations

import re

import jinja2
from jinja2 import nodes

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.mistakes import did_you_mean

ALLOWED = frozenset(
    {
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "logical_date",
        "params",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
    }
)
"""The names of Airflow's template context that a tenant may use."""

_FILTERS = frozenset({"ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "lower", "upper", "int", "replace"})
_HARMLESS = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Call,
    nodes.Filter,
    nodes.Keyword,
    nodes.Add,
    nodes.Sub,
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def check_templates(text: str) -> None:
    """Makes sure that the templates of a text can be read and name nothing but the run's dates and params.

    :raises SpecError: without the text, which may be anything.
    """
    if not may_have_template(text):
        return
    try:
        parsed = jinja2.Environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        raise SpecError(f"a template cannot be read: {error.message}", remedy="Write {{ ds }}") from None
    for node in parsed.find_all(nodes.Node):
        if isinstance(node, nodes.Name) and node.name not in ALLOWED:
            raise SpecError(f"a template may not name {node.name!r}", remedy=did_you_mean(node.name, ALLOWED))
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise SpecError(
                f"a template may not use the filter {node.name!r}", remedy=did_you_mean(node.name, _FILTERS)
            )
        if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            raise SpecError(f"a template may not look at {node.attr!r}", remedy="Use the run's dates and params alone")
        if not isinstance(node, _HARMLESS):
            raise SpecError(
                f"a template may not hold {type(node).__name__.lower()!r}", remedy="Write plain {{ name }} templates"
            )


def may_have_template(text: str) -> bool:
    """True if Jinja would see anything in a text."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def has_template(text: str) -> bool:
    """True if the text holds a whole Jinja template."""
    return _TEMPLATE.search(text) is not None


def without_templates(text: str) -> str:
    """The text with each template replaced by ``x``, so that the rest can be looked at before rendering."""
    return _TEMPLATE.sub("x", text)


def before_templates(text: str) -> str:
    """The text up to its first template."""
    match = _TEMPLATE.search(text)
    return text[: match.start()] if match else text
