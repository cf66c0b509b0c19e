"""What the builder of a kind of step is given, and gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from airflow_datamove.operators.listing import ListingOperator
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.spec.pipeline import Pipeline, StepOptions
from airflow_datamove.spec.platform import Platform


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step that is to become tasks of the DAG whose context is open."""

    name: str
    step: StepOptions
    limits: Limits
    platform: Platform

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that every task of the step gets. A step before it may have left some of its tasks skipped."""
        return {
            **task_settings(self.step),
            **({"doc_md": document(self.step.docs)} if self.step.docs else {}),
            "trigger_rule": "none_failed",
        }


@dataclass(frozen=True, slots=True)
class StepTasks:
    """The tasks of a step that others hang on."""

    first: Any
    """It waits for what the step follows."""
    last: Sequence[Any]
    """Once all of them are over, so is the step."""


class StepBuilder(Protocol):
    """Makes the tasks of a step."""

    def __call__(self, plan: StepPlan) -> StepTasks:
        """The tasks; named after the step, see :data:`airflow_datamove.spec.step_kinds.SUFFIXES`."""


def task_settings(said: Pipeline | StepOptions) -> dict[str, Any]:
    """Retries and time-outs as Airflow's arguments of a task, as far as they are said."""
    settings: dict[str, Any] = {}
    if said.retries is not None:
        settings["retries"] = said.retries
    if said.retry_delay is not None:
        settings["retry_delay"] = timedelta(seconds=said.retry_delay)
    if said.timeout is not None:
        settings["execution_timeout"] = timedelta(seconds=said.timeout)
    return settings


def document(text: str) -> str:
    """Markdown that Airflow takes as it stands: what ends with ``.md`` it would take for a file, and read that."""
    return f"{text.rstrip()}\n"


def items_of(plan: StepPlan) -> tuple[Any, Any]:
    """What a step with ``for_each`` is mapped over, and the task that lists it, if one does."""
    each = plan.step.for_each
    assert each is not None
    if each.listing is None:
        return each.items, None
    lister = ListingOperator(
        task_id=f"{plan.name}_items",
        listing=each.listing,
        most=each.most,
        limits=plan.limits.to_dict(),
        **plan.settings,
    )
    return lister.output, lister
