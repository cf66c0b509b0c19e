"""The neutral graph of a pipeline, without Airflow: which step follows which. The generator and ``render`` use it.

A step follows those that its ``after`` names. Without ``after`` it follows every step that writes what it reads, and,
of those that write to the same place, the ones that are written above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError
from airflow_datamove.spec.for_each import fill_items
from airflow_datamove.spec.pipeline import Pipeline, StepOptions
from airflow_datamove.spec.templates import before_templates, has_template

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_GLOB = re.compile(r"(?<!\\)[*?\[{]")
_FEW = 50
_ITEM = re.compile(r"\{\{-?\s*item\b")


def order(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """Each step with those that it directly follows, in the order written."""
    if len(pipeline.steps) == 1:
        return {name: tuple(step.after or ()) for name, step in pipeline.steps.items()}
    reads = {name: _places(reads_of(step)) for name, step in pipeline.steps.items()}
    writes = {name: _places(_of_items(step, step.kind.writes(step.body))) for name, step in pipeline.steps.items()}
    names = list(pipeline.steps)
    found: dict[str, tuple[str, ...]] = {}
    for index, (name, step) in enumerate(pipeline.steps.items()):
        if step.after is not None:
            found[name] = tuple(each for each in names if each in step.after)
        else:
            found[name] = tuple(
                other
                for position, other in enumerate(names)
                if other != name
                and (
                    _meet(reads[name], writes[other])
                    or (
                        position < index
                        and _meet(writes[name], writes[other])
                        and not _meet(writes[name], reads[other])
                    )
                )
            )
    return found


def circle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """A way from something back to itself, or nothing if there is none."""
    done: set[str] = set()
    for start in after:
        trail: list[str] = []
        pending = [iter((start,))]
        while pending:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                if trail:
                    done.add(trail.pop())
            elif name in trail:
                return [*trail[trail.index(name) :], name]
            elif name not in done and name in after:
                trail.append(name)
                pending.append(iter(after[name]))
    return []


def last_of(after: dict[str, tuple[str, ...]]) -> list[str]:
    """The steps that no other follows."""
    followed = {each for steps in after.values() for each in steps}
    return [name for name in after if name not in followed]


def reads_of(step: StepOptions) -> list[str]:
    """The addresses that a step reads, its listing among them."""
    listing = step.for_each.listing if step.for_each else None
    return [*_of_items(step, step.kind.reads(step.body)), *((listing,) if listing else ())]


def outputs_of(pipeline: Pipeline) -> list[str]:
    """What others may wait for: where the steps write, each once, up to the first template."""
    found = (
        asset_name(each) for step in pipeline.steps.values() for each in _of_items(step, step.kind.outputs(step.body))
    )
    return list(dict.fromkeys(each for each in found if each))


def _of_items(step: StepOptions, addresses: Sequence[str]) -> Sequence[str]:
    """The addresses of each item of a step, where there are only a few; else those with ``{{ item }}`` in them."""
    items = step.for_each.items if step.for_each else []
    if not 0 < len(items) <= _FEW:
        return addresses
    return [fill_items(address, item) for item in items for address in addresses]


@lru_cache(maxsize=8192)
def asset_name(address: str) -> str:
    """The name of an address among Airflow's assets: without a trailing slash, and no more than the folder that stands
    before the first template, since an asset has one name for all runs. Empty if that is not even a place."""
    text = address
    if has_template(text):
        text = before_templates(text)
        text = text[: text.rfind("/") + 1]
    try:
        named = str(Address.parse(text))
    except AddressError:
        return ""
    return named.rstrip("/") if named.rstrip("/").count("/") > 1 else named


def _places(addresses: Iterable[str]) -> list[str]:
    return [_place(each) for each in addresses]


@lru_cache(maxsize=8192)
def _place(address: str) -> str:
    """An address to compare: templates evenly spaced, cut at the folder above the first glob or item, with a slash at
    the end."""
    if item := _ITEM.search(address):
        address = address[: address.rfind("/", 0, item.start()) + 1]
    templates: list[str] = []

    def kept(match: re.Match[str]) -> str:
        templates.append(match[1])
        return f"\0{len(templates) - 1}\0"

    text = _TEMPLATE.sub(kept, address)
    if glob := _GLOB.search(text):
        text = text[: text.rfind("/", 0, glob.start()) + 1]
    text = re.sub(r"\0(\d+)\0", lambda match: f"{{{{ {templates[int(match[1])]} }}}}", text)
    return f"{text.rstrip('/')}/"


def _meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """True if one of the places lies in one of the others, or the reverse."""
    return any(one.startswith(other) or other.startswith(one) for one in some for other in others)
