"""All DAGs of one tenant, or just the one that a task is about to run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from airflow_datamove.generator.copy_dag import copy_dag, task_defaults
from airflow_datamove.generator.pipeline_dag import pipeline_dag
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.scheduling.limits import lanes_up_to, limits_of
from airflow_datamove.spec.folder import Folder, read_folder, read_platform
from airflow_datamove.spec.platform import Platform

SOURCE_FILE = ".source"
"""The file beside the stubs that tells where the YAML is on this machine."""


def build_from_stub(file: str, tenant: str) -> dict[str, DAG]:
    """What the stub ``file`` of a tenant holds: see :func:`build_dags`. The platform's declaration is the last sound
    one, which is kept beside the stub.
    """
    target = Path(file).resolve().parent
    kept = read_platform(target).platform
    if kept is None:
        return {}
    source = Path((target / SOURCE_FILE).read_text())
    return build_dags(source, tenant, file=file, platform=kept)


def build_dags(root: Path, tenant: str, *, file: str, platform: Platform | None = None) -> dict[str, DAG]:
    """Builds a tenant's healthy DAGs. What is broken is left out; :mod:`~airflow_datamove.generator.broken` shows it.

    At a task's start only its own DAG is read and built.

    :param root: the folder that holds ``platform.yaml`` and ``tenants/``.
    :param file: the DAG file on whose behalf they are built.
    :param platform: take this one instead of the folder's.
    """
    only = get_parsing_context().dag_id
    if only is not None and not only.startswith(f"{tenant}."):
        return {}
    pipeline = only.removeprefix(f"{tenant}.") if only else None
    with without_collecting():
        folder = read_folder(root, tenant=tenant, pipeline=pipeline, platform=platform)
        return dags_of(check_folder(folder), file=file, only=only)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Nearly all that is made here is there to stay, and makes Python's collector look through all of Airflow's objects
    again and again: a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def dags_of(folder: Folder, *, file: str, only: str | None = None) -> dict[str, DAG]:
    """Builds the DAGs of every sound tenant of a checked folder; a pipeline that Airflow refuses becomes a mistake.

    :param only: build just the DAG of this id.
    """
    found: dict[str, DAG] = {}
    platform = folder.platform
    if platform is None:
        return found
    for name, tenant in folder.tenants.items():
        limits = limits_of(name, tenant.tenant, platform)
        defaults = task_defaults(name, tenant.tenant)
        for lane in lanes_up_to(tenant.tenant.max_lane):
            if only in (None, dag_id := f"{name}.copy.{lane}"):
                found[dag_id] = copy_dag(name, tenant.tenant, platform, limits, lane)
        for file_name, each in tenant.pipelines.items():
            if only in (None, dag_id := f"{name}.{file_name}"):
                try:
                    found[dag_id] = pipeline_dag(name, tenant.tenant, platform, limits, file_name, each, defaults)
                except Exception as error:  # whatever one pipeline meets in Airflow, its siblings must not miss
                    folder.mistakes.append(each.document.mistake((), f"Airflow refuses the pipeline: {error}"))
    for dag in found.values():
        dag.fileloc = file
    return found
