"""Airflow's plugin: found by the entry point ``airflow.plugins``, or by the drop-in file ``plugins/datamove.py``."""

from __future__ import annotations

import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_datamove.operators.yarn_link import YarnApplicationLink
from airflow_datamove.ui.refuse_unsound import RefuseUnsound


def _apps() -> list[dict[str, Any]]:
    """The endpoints, in the API server alone: elsewhere they would cost each task a second of imports."""
    if "airflow.api_fastapi.main" not in sys.modules:
        return []
    from airflow_datamove.api.app import app

    return [{"name": "datamove", "app": app, "url_prefix": "/datamove"}]


class DatamovePlugin(AirflowPlugin):
    """Adds the endpoints and the link from a DistCp task to its YARN application, and refuses what cannot be."""

    name = "datamove"
    fastapi_root_middlewares = [{"name": "datamove refuses unsound requests", "middleware": RefuseUnsound}]
    fastapi_apps = _apps()
    operator_extra_links = [YarnApplicationLink()]
