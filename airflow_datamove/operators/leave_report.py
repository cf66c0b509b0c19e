"""What every copy leaves behind: its report, in the log and as an XCom."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context

from airflow_datamove.report import TransferReport
from airflow_datamove.spec.request import CopyRequest

REPORT_KEY = "report"
"""The XCom under which every copy leaves its :class:`TransferReport`."""

_log = logging.getLogger(__name__)


def leave_report(context: Context, report: TransferReport, request: CopyRequest) -> dict[str, Any]:
    """Logs a report and leaves it as the XCom ``report``."""
    ti = context["ti"]
    report.attempts = ti.try_number
    if request.client:
        report.details["client"] = request.client
    values = report.to_dict()
    _log.info("%s", values)
    ti.xcom_push(key=REPORT_KEY, value=values)
    return values
