"""One measurement in a process of its own: `python -m benchmarks.generator_child WHAT ...`; prints seconds as JSON.

What Airflow does is asked of Airflow's own `DagBag`, and what it costs to import Airflow is not in it: the DAG
processor and the workers have that behind them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any


def parse(folder: str) -> dict[str, Any]:
    """Every DAG file below a folder, as the DAG processor reads it; the same for whoever wrote the files."""
    from airflow.dag_processing.dagbag import DagBag

    _warm()
    began, cpu = time.perf_counter(), time.process_time()
    bag = DagBag(folder)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    pipelines = [dag for name, dag in bag.dags.items() if ".copy." not in name]
    tasks = sum(len(dag.tasks) for dag in pipelines)
    return {"wall": wall, "cpu": used, "dags": len(bag.dags), "tasks": tasks, "errors": bag.import_errors}


def start(source: str, dag_id: str) -> dict[str, Any]:
    """What a worker does before it has the DAG of a task: bring the bundle in, read the DAG file."""
    from airflow.dag_processing.dagbag import DagBag

    from airflow_datamove.generator.bundle import TenantsBundle

    _warm()
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    began, cpu = time.perf_counter(), time.process_time()
    bundle = TenantsBundle(name="bench", path=source)
    bundle.initialize()
    bag = DagBag(str(bundle.path / f"{dag_id.partition('.')[0]}.py"))
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    return {"wall": wall, "cpu": used, "dags": len(bag.dags), "errors": bag.import_errors}


def start_of_file(file: str, dag_id: str) -> dict[str, Any]:
    """The same for a DAG file that needs no bundle of ours."""
    from airflow.dag_processing.dagbag import DagBag

    _warm()
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    began, cpu = time.perf_counter(), time.process_time()
    bag = DagBag(file)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    return {"wall": wall, "cpu": used, "dags": len(bag.dags), "errors": bag.import_errors}


def refresh(source: str, target: str) -> dict[str, Any]:
    """What the DAG processor's refresh costs: the first, one without changes, one where a file has changed."""
    from airflow_datamove.generator.stubs import write_stubs

    _warm()
    found = {}
    changed = sorted(Path(source).rglob("*.pipeline.yaml"))[-1]
    for what in ("first", "unchanged", "one changed"):
        if what == "one changed":
            changed.write_text(changed.read_text() + "# changed\n")
        began = time.perf_counter()
        write_stubs(Path(source), Path(target))
        found[what] = time.perf_counter() - began
    return found


def _warm() -> None:
    """What the first DAG of a process pays for all others."""
    from airflow.sdk import DAG

    for module in ("airflow_datamove.generator.tenant_dags", "airflow_datamove.generator.copy_step", "dagfactory"):
        with suppress(ImportError):
            import_module(module)
    with DAG("warm", schedule=None):
        pass


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    sys.stdout.write("RESULT" + json.dumps(globals()[what](*arguments)))
