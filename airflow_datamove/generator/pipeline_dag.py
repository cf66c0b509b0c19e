"""The DAG of one pipeline file, ``<tenant>.<name>``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param

from airflow_datamove.generator.assets import outlets, schedule_after
from airflow_datamove.generator.step import StepPlan, document, task_settings
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.scheduling.pipeline_rules import narrowed
from airflow_datamove.sensors.exists import ExistsSensor
from airflow_datamove.spec.fields import Lane
from airflow_datamove.spec.folder import PipelineFile
from airflow_datamove.spec.graph import last_of, order
from airflow_datamove.spec.pipeline import END, Pipeline
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.schedule import date_of
from airflow_datamove.spec.tenant import Tenant


def pipeline_dag(
    tenant_name: str,
    tenant: Tenant,
    platform: Platform,
    limits: Limits,
    name: str,
    file: PipelineFile,
    defaults: Mapping[str, Any],
) -> DAG:
    """Builds a pipeline's DAG: its pre-conditions side by side, then its steps, each after those that it follows, then
    ``done``, which tells who waits for the pipeline or for what it writes.

    :param defaults: the tenant's ``default_args``.
    """
    pipeline = file.pipeline
    limits = narrowed(limits, file.limits)
    with DAG(
        dag_id=f"{tenant_name}.{name}",
        description=pipeline.description or None,
        schedule=_schedule(tenant_name, pipeline),
        start_date=_moment(pipeline.start, pipeline),
        end_date=_moment(pipeline.end, pipeline),
        catchup=pipeline.catchup,
        max_active_runs=pipeline.max_active_runs,
        is_paused_upon_creation=False,
        # A DAG belongs to the file that names it, not to any file whose reading happens to build it.
        auto_register=False,
        tags={tenant_name, "datamove", *_lanes(pipeline), *pipeline.tags},
        default_args=_task_defaults(defaults, pipeline),
        access_control=tenant.access or None,
        params={each: _param(pipeline, each) for each in pipeline.params} or None,
        doc_md=document(pipeline.docs) if pipeline.docs else None,
    ) as dag:
        conditions: list[Any] = [
            ExistsSensor(
                task_id=f"when_{index}",
                address=condition.exists,
                timeout=condition.timeout,
                poke_interval=condition.every,
                limits=limits.to_dict(),
            )
            for index, condition in enumerate(pipeline.when, 1)
        ]
        follows = order(pipeline)
        built = {}
        for step, body in pipeline.steps.items():
            built[step] = body.kind.builder()(StepPlan(step, body, limits, platform))
        for step, others in follows.items():
            if before := [task for other in others for task in built[other].last] or conditions:
                before >> built[step].first
        end = EmptyOperator(task_id=END, outlets=outlets(tenant_name, name, pipeline), trigger_rule="none_failed")
        [task for step in last_of(follows) for task in built[step].last] >> end
    return dag


def _schedule(tenant: str, pipeline: Pipeline) -> Any:
    """A cron expression runs at its times, whatever ``[scheduler] create_cron_data_intervals`` says, so that a pipeline
    means the same on every Airflow."""
    if pipeline.after is not None:
        return schedule_after(tenant, pipeline.after)
    if pipeline.schedule is None or pipeline.schedule == "@once":
        return pipeline.schedule
    return _timetable(pipeline.schedule, pipeline.timezone, pipeline.interval or 0.0)


@lru_cache(maxsize=1024)
def _timetable(schedule: str, timezone: str, interval: float) -> CronTriggerTimetable:
    """Thousands of pipelines share a few schedules, and Airflow reads each of them anew."""
    return CronTriggerTimetable(schedule, timezone=timezone, interval=timedelta(seconds=interval))


def _moment(date: str | None, pipeline: Pipeline) -> datetime | None:
    return date_of(date, pipeline.timezone) if date else None


def _lanes(pipeline: Pipeline) -> set[Lane]:
    bodies = [step.body for step in pipeline.steps.values()]
    return {body.lane or "normal" for body in bodies if isinstance(body, CopyRequest)}


def _task_defaults(defaults: Mapping[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    owner = {"owner": pipeline.owner} if pipeline.owner else {}
    return {**defaults, **task_settings(pipeline), **owner}


def _param(pipeline: Pipeline, name: str) -> Param:
    parameter = pipeline.params[name]
    schema = parameter.schema_for_airflow()
    description = parameter.description or None
    if parameter.required:
        return Param(description=description, **schema)
    return Param(parameter.default, description=description, **schema)
