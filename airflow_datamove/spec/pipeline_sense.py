"""Whether a pipeline makes sense in itself: what its fields say together. One at a time, the model has seen to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError
from airflow_datamove.spec.for_each import ForEach, items_named, without_items
from airflow_datamove.spec.graph import asset_name, circle, order
from airflow_datamove.spec.mistakes import Problem, did_you_mean
from airflow_datamove.spec.pipeline import END, Pipeline
from airflow_datamove.spec.step_kinds import SUFFIXES
from airflow_datamove.spec.templates import DATES, named_in

_DATE_OF_A_RUN = "Write {{ dag_run.run_after | ds }}: a run that follows others has no date of its own"
_LONGEST_ASSET = 1400
"""Airflow's own limit is 1,500, with what stands before it in a URI."""
Path = tuple[str | int, ...]


def problems_in(pipeline: Pipeline) -> list[Problem]:
    """Everything that does not go together in a pipeline."""
    return [*_dates(pipeline), *_waited_for(pipeline), *_steps(pipeline), *_templates(pipeline)]


def _dates(pipeline: Pipeline) -> Iterator[Problem]:
    if pipeline.after is not None and pipeline.schedule is not None:
        yield Problem(("after",), "there is a schedule too", "Keep one of them: by the clock, or after others")
    if pipeline.catchup and pipeline.start is None:
        yield Problem(("catchup",), "there is no start to catch up from", "Add start: and a date")
    if pipeline.catchup and (pipeline.schedule is None or pipeline.schedule == "@once"):
        yield Problem(("catchup",), "there is no schedule to catch up with", "Add a schedule, or leave catchup out")
    if pipeline.interval is not None and (pipeline.schedule is None or pipeline.schedule == "@once"):
        yield Problem(("interval",), "only runs of a schedule cover an interval", "Add a schedule, or leave it out")
    moments = [datetime.fromisoformat(each) for each in (pipeline.start, pipeline.end) if each]
    if len(moments) == 2 and moments[1] < moments[0]:
        yield Problem(("end",), "it ends before it starts", "Mend one of the two")
    if pipeline.schedule is not None or pipeline.after is not None:
        for name, parameter in pipeline.params.items():
            if parameter.required:
                yield Problem(
                    ("params", name), f"{name}: a run that nobody asks for has no value for it", "Add default:"
                )


def _waited_for(pipeline: Pipeline) -> Iterator[Problem]:
    if pipeline.after is None:
        return
    for index, name in enumerate(pipeline.after.named):
        path: Path = ("after", "all" if pipeline.after.all_ else "any", index)
        if "://" not in name:
            continue
        try:
            Address.parse(name)
        except AddressError as error:
            yield Problem(path, error.message, error.remedy)
            continue
        if named_in(name).names or any(char in name for char in "*?[{"):
            yield Problem(path, "a template or a glob cannot be waited for", "Name the folder that is written to")
        elif _cannot_be_asset(name):
            yield Problem(path, "this cannot be an Airflow asset", f"Use at most {_LONGEST_ASSET} characters")


def _cannot_be_asset(address: str) -> bool:
    """True if Airflow would refuse an address as the name of an asset."""
    name = asset_name(address)
    try:
        urlsplit(f"x-{name}")
    except ValueError:  # brackets in the authority, which a URL has for IPv6 alone
        return True
    return len(name) > _LONGEST_ASSET


def _steps(pipeline: Pipeline) -> Iterator[Problem]:
    for name, step in pipeline.steps.items():
        if any(_cannot_be_asset(address) for address in step.kind.outputs(step.body)):
            remedy = f"Use at most {_LONGEST_ASSET} characters, and no brackets before the first slash"
            yield Problem(("steps", name, step.kind.name), "this destination cannot be an Airflow asset", remedy)
        if name == END or name.startswith("when_") or any(name.endswith(f"_{suffix}") for suffix in SUFFIXES):
            endings = ", ".join(f"..._{suffix}" for suffix in SUFFIXES)
            remedy = f"when_..., {endings} and {END} are tasks of ours"
            yield Problem(("steps", name), f"a step cannot be called {name!r}", remedy)
        for index, other in enumerate(step.after or ()):
            if other not in pipeline.steps:
                remedy = did_you_mean(other, pipeline.steps)
                yield Problem(("steps", name, "after", index), f"there is no step {other[:80]!r}", remedy)
            elif other == name:
                yield Problem(("steps", name, "after", index), "a step cannot follow itself", "Leave it out")
    if way := circle({name: [each for each in steps if each != name] for name, steps in order(pipeline).items()}):
        remedy = "Write after: in one of them; it says all that the step follows"
        yield Problem(("steps", way[0]), f"the steps wait for each other: {' -> '.join(reversed(way))}", remedy)


def _templates(pipeline: Pipeline) -> Iterator[Problem]:
    for index, condition in enumerate(pipeline.when):
        yield from _named(pipeline, condition.exists, ("when", index, "exists"))
    for name, step in pipeline.steps.items():
        path = ("steps", name)
        used = False
        for text, place in _texts(step.body, (*path, step.kind.name)):
            yield from _named(pipeline, text, place, step.for_each)
            used = used or bool(items_named(text))
        if step.for_each is None:
            continue
        if not used:
            remedy = "Write {{ item }}" if not step.for_each.keys else f"Write {{{{ item.{step.for_each.keys[0]} }}}}"
            yield Problem((*path, "for_each"), "nothing in the step names its item: all would do the same", remedy)
        if step.for_each.listing:
            yield from _named(pipeline, step.for_each.listing, (*path, "for_each", "list"))


def _named(pipeline: Pipeline, text: str, path: Path, for_each: ForEach | None = None) -> Iterator[Problem]:
    """What is wrong with what one text's templates name."""
    if "{" not in text:
        return
    if for_each is None:
        if "item" in named_in(text).names:
            yield Problem(path, "there is no item here", "Only the texts of a step with for_each: have {{ item }}")
    else:
        yield from _items(text, path, for_each)
    named = named_in(text)
    for param in sorted(named.params - set(pipeline.params)):
        yield Problem(path, f"there is no parameter {param[:80]!r}", _remedy_for(param, pipeline))
    if pipeline.after is not None and (dates := sorted(named.names & DATES)):
        yield Problem(path, f"there is no {dates[0]!r} in a run that follows others", _DATE_OF_A_RUN)


def _items(text: str, path: Path, for_each: ForEach) -> Iterator[Problem]:
    if "item" in named_in(without_items(text)).names:
        yield Problem(
            path, "an item can only be named by itself", "Write {{ item }} or {{ item.key }}, without filters"
        )
    for key in items_named(text):
        if key and key not in for_each.keys:
            known = did_you_mean(key, for_each.keys) if for_each.keys else "Write {{ item }}: it is a plain value"
            yield Problem(path, f"the item has no {key!r}", known)
        elif not key and for_each.keys:
            yield Problem(path, "the item has several values", f"Write {{{{ item.{for_each.keys[0]} }}}}")


def _remedy_for(param: str, pipeline: Pipeline) -> str:
    return did_you_mean(param, pipeline.params) if pipeline.params else f"Declare params: {{{param or 'name'}: ...}}"


def _texts(value: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Every text with a template in a part of a specification, and where it stands."""
    if isinstance(value, str):
        if "{{" in value:
            yield value, path
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*path, key))
    elif hasattr(value, "model_fields_set"):
        for name in sorted(value.model_fields_set):
            if isinstance(each := getattr(value, name), (str, list, dict)):
                yield from _texts(each, (*path, name))
