"""Airflow's plugin: found by the entry point ``airflow.plugins``, or by the drop-in file ``plugins/datamove.py``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_datamove.operators.yarn_link import YarnApplicationLink
from airflow_datamove.ui.refuse_unsound import RefuseUnsound


class DatamovePlugin(AirflowPlugin):
    """Adds the link from a DistCp task to its YARN application, and refuses requests that cannot be."""

    name = "datamove"
    fastapi_root_middlewares = [{"name": "datamove refuses unsound requests", "middleware": RefuseUnsound}]
    operator_extra_links = [YarnApplicationLink()]
