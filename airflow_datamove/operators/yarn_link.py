"""From a DistCp task to its application in YARN's own UI."""

from __future__ import annotations

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey


class YarnApplicationLink(BaseOperatorLink):
    """From a DistCp task to its application in YARN's own UI."""

    name = "YARN application"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The application's page; empty as long as there is none. Airflow asks when the task has ended."""
        return str(getattr(operator, "application_url", ""))
