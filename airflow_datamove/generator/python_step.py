"""The task of a step ``python``."""

from __future__ import annotations

from airflow_datamove.generator.step import StepPlan, StepTasks, items_of
from airflow_datamove.operators.python_step import PythonStepOperator
from airflow_datamove.scheduling.limits import priority_weight
from airflow_datamove.spec.for_each import keep_items
from airflow_datamove.spec.python_step import PythonCall


def build_python(plan: StepPlan) -> StepTasks:
    """A :class:`~airflow_datamove.generator.step.StepBuilder`: one task, in Airflow's default pool."""
    call: PythonCall = plan.step.body
    arguments = {"priority_weight": priority_weight("normal", 50), **plan.settings}
    if plan.step.for_each is None:
        task = PythonStepOperator(task_id=plan.name, function=call.function, arguments=call.args, **arguments)
        return StepTasks(task, [task])
    items, lister = items_of(plan)
    mapped = PythonStepOperator.partial(
        task_id=plan.name,
        function=call.function,
        arguments=keep_items(call.args),
        map_index_template="{{ task.item_label }}",
        max_active_tis_per_dagrun=plan.step.for_each.at_once,
        **arguments,
    ).expand(item=items)
    return StepTasks(lister or mapped, [mapped])
