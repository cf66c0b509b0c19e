"""The kinds of step that a pipeline may have: the one list of them.

A new kind is one entry in :data:`KINDS`: the word in YAML, the model of what stands below it, what such a step reads
and writes, who checks it against its tenant's limits, and who builds its tasks. The last two are named, not imported:
they live in higher layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from airflow_datamove.spec.fields import Model
from airflow_datamove.spec.python_step import PythonCall
from airflow_datamove.spec.request import CopyRequest


@dataclass(frozen=True, slots=True)
class StepKind:
    """One kind of step."""

    name: str
    """The key in a step's YAML."""
    description: str
    model: type[Model]
    reads: Callable[[Any], Sequence[str]]
    """The addresses that a step reads; templates in them are not rendered yet."""
    writes: Callable[[Any], Sequence[str]]
    """The addresses that a step writes, for the order of the steps."""
    outputs: Callable[[Any], Sequence[str]]
    """Those of them that others may wait for: they become assets."""
    says: Callable[[Any], str]
    """What a step does, in one line, for who looks at the graph."""
    check: str
    """``module:function``, a :class:`airflow_datamove.scheduling.pipeline_rules.StepCheck`."""
    build: str
    """``module:function``, a :class:`airflow_datamove.generator.step.StepBuilder`."""
    suffixes: tuple[str, ...] = ()
    """Of the further tasks that it may need, ``<step>_<suffix>``."""

    def checker(self) -> Callable[..., Any]:
        """What :attr:`check` names."""
        return _named(self.check)

    def builder(self) -> Callable[..., Any]:
        """What :attr:`build` names."""
        return _named(self.build)


KINDS: dict[str, StepKind] = {
    kind.name: kind
    for kind in (
        StepKind(
            name="copy",
            description="Copy from source to destination",
            model=CopyRequest,
            reads=lambda body: [each for each in (body.source, body.manifest) if each],
            writes=lambda body: [each for each in (body.destination, body.receipt) if each],
            outputs=lambda body: [body.destination],
            says=lambda body: f"{body.source} -> {body.destination}",
            check="airflow_datamove.scheduling.pipeline_rules:check_copy",
            build="airflow_datamove.generator.copy_step:build_copy",
            suffixes=("distcp", "large"),
        ),
        StepKind(
            name="python",
            description="Call a function that the platform allows",
            model=PythonCall,
            reads=lambda body: body.reads,
            writes=lambda body: body.writes,
            outputs=lambda body: body.writes,
            says=lambda body: body.function,
            check="airflow_datamove.scheduling.pipeline_rules:check_python",
            build="airflow_datamove.generator.python_step:build_python",
        ),
    )
}
"""Every kind by its name."""

SUFFIXES = tuple(sorted({"items", *(suffix for kind in KINDS.values() for suffix in kind.suffixes)}))
"""What no step's name may end with, after an underscore: the further tasks of steps are called so."""


@cache
def _named(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found
