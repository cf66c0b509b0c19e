"""For who has only a DAG folder: ``dags/datamove.py`` shows the healthy DAGs, ``datamove_errors.py`` the mistakes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from airflow.sdk import DAG, conf, get_parsing_context

from airflow_datamove.generator.broken import broken_dag, text_of
from airflow_datamove.generator.keep_dag import KEEP_DAG, keep_dag
from airflow_datamove.generator.tenant_dags import build_dags, dags_of
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import read_folder


def configured_folder() -> Path:
    """The folder that holds ``platform.yaml`` and ``tenants/``: ``[datamove] folder`` of Airflow's configuration."""
    return Path(conf.get("datamove", "folder", fallback="") or ".")


def healthy_dags(file: str) -> dict[str, DAG]:
    """Every healthy DAG of every tenant; at a task's start only its own."""
    root = configured_folder()
    only = get_parsing_context().dag_id
    if only == KEEP_DAG:
        return {KEEP_DAG: keep_dag()}
    if only:
        return build_dags(root, only.partition(".")[0], file=file)
    return {KEEP_DAG: keep_dag(), **dags_of(check_folder(read_folder(root)), file=file)}


def error_dags() -> dict[str, DAG]:
    """One DAG that shows every mistake, or none. Airflow keeps one import error for a file: hence all in one text."""
    if get_parsing_context().dag_id:
        return {}
    by_file = defaultdict(list)
    folder = check_folder(read_folder(configured_folder()))
    dags_of(folder, file="")
    for mistake in folder.mistakes:
        by_file[mistake.file].append(mistake)
    if not by_file:
        return {}
    return {"mistakes": broken_dag("yaml", "\n\n".join(text_of(each) for each in by_file.values()))}
