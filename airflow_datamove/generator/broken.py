"""A mistake in YAML as an import error in Airflow's UI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from airflow.sdk import DAG

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.mistakes import Mistake


class BrokenDag(DAG):
    """A DAG that is never there: validating it raises, and Airflow shows the message as its file's import error."""

    mistakes_text: str = ""

    def validate(self) -> None:
        """:raises SpecError: always, with the mistakes' text."""
        raise SpecError(self.mistakes_text)


def broken_dag(file: str, text: str) -> BrokenDag:
    """The DAG that shows ``text`` for one YAML file."""
    # A path may be longer than a DAG id, and hold what an id cannot.
    dag = BrokenDag(dag_id=f"broken.{hashlib.sha256(file.encode()).hexdigest()[:32]}", schedule=None)
    dag.mistakes_text = text
    return dag


def text_of(mistakes: Iterable[Mistake]) -> str:
    """All mistakes of one file, each with the lines around it."""
    return "\n\n".join(mistake.full() for mistake in mistakes)
