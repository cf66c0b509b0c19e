"""The tasks of a step ``copy``."""

from __future__ import annotations

from typing import Any

from airflow_datamove.generator.copy_dag import copy_arguments, distcp_arguments
from airflow_datamove.generator.step import StepPlan, StepTasks, items_of
from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.operators.gather import GatherOperator
from airflow_datamove.operators.mapped_copy import MappedCopyOperator
from airflow_datamove.scheduling.copy_options import MORE
from airflow_datamove.spec.fields import Lane
from airflow_datamove.spec.for_each import keep_items
from airflow_datamove.spec.request import CopyRequest


def build_copy(plan: StepPlan) -> StepTasks:
    """A :class:`~airflow_datamove.generator.step.StepBuilder`: ``<step>`` copies what is small, ``<step>_distcp`` what
    is large. With ``for_each``, ``<step>`` is mapped, and ``<step>_large`` gathers what its copies hand over.
    """
    request: CopyRequest = plan.step.body
    lane: Lane = request.lane or "normal"
    arguments = {**copy_arguments(plan.platform, plan.limits, lane, request.slots, request.priority), **plan.settings}
    wishes: dict[str, Any] = {
        "source": request.source,
        "destination": request.destination,
        "overwrite": request.overwrite,
        "mirror": request.mirror,
        "priority": request.priority,
        "client": request.client,
        "slots": request.slots,
        "route": request.route,
    }
    options = request.model_dump(include=set(MORE), exclude_defaults=True)
    if plan.step.for_each is None:
        copy = SizeRoutedCopyOperator(task_id=plan.name, **wishes, **options, **arguments)
        return StepTasks(copy, [copy, _distcp(plan, lane, request, copy.output)])
    items, lister = items_of(plan)
    mapped = MappedCopyOperator.partial(
        task_id=plan.name,
        **keep_items(wishes),
        options=keep_items(options),
        found=lister is not None,
        map_index_template="{{ task.item_label }}",
        max_active_tis_per_dagrun=plan.step.for_each.at_once,
        **arguments,
    ).expand(item=items)
    gather = GatherOperator(task_id=f"{plan.name}_large", lists=mapped.output, **plan.settings)
    mapped >> gather
    return StepTasks(lister or mapped, [mapped, _distcp(plan, lane, request, gather.output)])


def _distcp(plan: StepPlan, lane: Lane, request: CopyRequest, large: Any) -> Any:
    return DistCpOperator.partial(
        task_id=f"{plan.name}_distcp",
        **{
            **plan.settings,
            **distcp_arguments(plan.platform, plan.limits, lane, request.slots, request.priority),
            "trigger_rule": "all_success",
        },
    ).expand(handed_over=large)
