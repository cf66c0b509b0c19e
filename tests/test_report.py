from __future__ import annotations

import json

from airflow_datamove.report import TransferReport


def test_a_report_survives_json() -> None:
    report = TransferReport("gs://a@b/c", "file:///d", files=3, bytes=7, failures=[{"path": "x", "error": "gone"}])
    assert TransferReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_a_newer_report_is_read_without_what_is_unknown() -> None:
    values = {**TransferReport("a", "b", files=1).to_dict(), "of_tomorrow": 1}
    assert TransferReport.from_dict(values) == TransferReport("a", "b", files=1)


def test_the_rate_of_no_time_is_zero() -> None:
    assert TransferReport("a", "b", bytes=10).rate == 0.0
    assert TransferReport("a", "b", bytes=10, seconds=2).rate == 5.0
