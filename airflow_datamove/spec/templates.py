"""Jinja templates in a pipeline's addresses: which are allowed, and how much of an address is known before rendering.

A tenant writes YAML, and a template is rendered with everything that Airflow hands to a task: any connection, any
variable. So only the run's dates and its params may be named, and the item of a step that has ``for_each``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import jinja2
from jinja2 import nodes

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.mistakes import did_you_mean

DATES = frozenset(
    {
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "logical_date",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
    }
)
"""What Airflow has for runs with a date: those of a schedule, of a back-fill, and those that a person gives one."""

ALLOWED = DATES | {"params", "item", "dag_run"}
"""The names of Airflow's template context that a tenant may use; of ``dag_run`` only ``run_after``."""

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
_JINJA = jinja2.Environment()
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class Named(NamedTuple):
    """What a text's templates name."""

    names: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    """The parameters among it, ``{{ params.x }}``."""


def check_templates(text: str) -> None:
    """Makes sure that the templates of a text can be read and name nothing but the run's dates and params.

    :raises SpecError: without the text, which may be anything.
    """
    if may_have_template(text) and (wrong := _look(text)[1]):
        raise SpecError(wrong[0], remedy=wrong[1])


def named_in(text: str) -> Named:
    """What the templates of a text name, as far as it can be read."""
    return _look(text)[0] if may_have_template(text) else Named()


@lru_cache(maxsize=8192)
def _look(text: str) -> tuple[Named, tuple[str, str] | None]:
    """What a text's templates name, and what is wrong with them."""
    if "{%" in text or "{#" in text:
        # {% raw %} above all: it would hide from this look what keep_items, which writes raw too, brings out again.
        return Named(), ("a template may not hold statements or comments", "Write plain {{ name }} templates")
    try:
        parsed = _JINJA.parse(text)
    except jinja2.TemplateSyntaxError as error:
        return Named(), (f"a template cannot be read: {error.message}", "Write {{ ds }}")
    names: list[str] = []
    params: set[str] = set()
    run_after = 0
    for node in parsed.find_all(nodes.Node):
        if isinstance(node, nodes.Name):
            names.append(node.name)
        elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            if node.node.name == "params":
                params.add(node.attr)
            run_after += node.node.name == "dag_run" and node.attr == "run_after"
        elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and node.node.name == "params":
            params.add(str(node.arg.value) if isinstance(node.arg, nodes.Const) else "")
        if wrong := _wrong(node):
            return Named(), wrong
    if names.count("dag_run") > run_after:
        return Named(), ("a template may look at nothing of 'dag_run' but run_after", "Write {{ dag_run.run_after }}")
    return Named(frozenset(names), frozenset(params)), None


def _wrong(node: nodes.Node) -> tuple[str, str] | None:
    if isinstance(node, nodes.Name) and node.name not in ALLOWED:
        return f"a template may not name {node.name!r}", did_you_mean(node.name, ALLOWED)
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"a template may not use the filter {node.name!r}", did_you_mean(node.name, _FILTERS)
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"a template may not look at {node.attr!r}", "Use the run's dates and params alone"
    if not isinstance(node, _HARMLESS):
        return f"a template may not hold {type(node).__name__.lower()!r}", "Write plain {{ name }} templates"
    return None


def may_have_template(text: str) -> bool:
    """True if Jinja would see anything in a text."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


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
