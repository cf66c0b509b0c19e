"""Airflow's plugin: found by the entry point ``airflow.plugins``, or by the drop-in file ``plugins/datamove.py``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_datamove.operators.distcp import YarnApplicationLink


class DatamovePlugin(AirflowPlugin):
    """Adds the link from a DistCp task to its YARN application."""

    name = "datamove"
    operator_extra_links = [YarnApplicationLink()]
