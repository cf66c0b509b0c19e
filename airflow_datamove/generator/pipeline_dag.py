"""The DAG of one pipeline file, ``<tenant>.<name>``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from airflow_datamove.generator.copy_dag import copy_arguments, distcp_arguments, task_defaults
from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.scheduling.copy_options import MORE
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.sensors.exists import ExistsSensor
from airflow_datamove.spec.fields import Lane
from airflow_datamove.spec.pipeline import Pipeline
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.tenant import Tenant


def pipeline_dag(
    tenant_name: str, tenant: Tenant, platform: Platform, limits: Limits, name: str, pipeline: Pipeline
) -> DAG:
    """Builds a pipeline's DAG: its pre-conditions side by side, then its steps one after the other.

    A step is two tasks, ``<step>`` and ``<step>_distcp``; one of them copies and the other is skipped or hands over.
    """
    lanes: list[Lane] = [step.copy_.lane or "normal" for step in pipeline.steps.values()]
    with DAG(
        dag_id=f"{tenant_name}.{name}",
        description=pipeline.description or None,
        schedule=pipeline.schedule,
        catchup=False,
        is_paused_upon_creation=False,
        # A DAG belongs to the file that names it, not to any file whose reading happens to build it.
        auto_register=False,
        tags={tenant_name, "datamove", *lanes},
        default_args=task_defaults(tenant_name, tenant),
        access_control=tenant.access or None,
    ) as dag:
        before: list[Any] = [
            ExistsSensor(
                task_id=f"when_{index}",
                address=condition.exists,
                timeout=condition.timeout,
                poke_interval=condition.every,
                limits=limits.to_dict(),
            )
            for index, condition in enumerate(pipeline.when, 1)
        ]
        for (step, body), lane in zip(pipeline.steps.items(), lanes, strict=True):
            request = body.copy_
            copy = SizeRoutedCopyOperator(
                task_id=step,
                source=request.source,
                destination=request.destination,
                overwrite=request.overwrite,
                mirror=request.mirror,
                priority=request.priority,
                client=request.client,
                slots=request.slots,
                route=request.route,
                **request.model_dump(include=set(MORE), exclude_defaults=True),
                # The step before left either its copy or its DistCp task skipped.
                trigger_rule="none_failed",
                **copy_arguments(platform, limits, lane, request.slots, request.priority),
            )
            distcp = DistCpOperator.partial(
                task_id=f"{step}_distcp",
                **distcp_arguments(platform, limits, lane, request.slots, request.priority),
            ).expand(handed_over=copy.output)
            if before:
                before >> copy
            before = [copy, distcp]
    return dag
