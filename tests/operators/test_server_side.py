"""Whether a copy that a service makes by itself keeps to a tenant's rate: as the platform says of the link."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.scheduling.limits import Limits
from airflow_datamove.transfer.copy import copy
from tests.transfer.ends import End, Ends
from tests.transfer.trees import make, source_of

MIB = 2**20
RATE = MIB
SIZE = 3 * MIB // 2
LIMITS = Limits(
    tenant="acme",
    link="wan",
    read=("s3://s3@datamove-tests/",),
    write=("s3://s3@datamove-tests/",),
    max_lane="normal",
    max_slots=1,
    slot_rate=RATE,
    worker_slots=1,
    distcp_slots=1,
    urgent_slots=1,
)


@pytest.fixture
def end(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> End:
    """A bucket's directory that holds ``s``, for whoever knows Airflow's connections."""
    end = Ends(request.getfixturevalue, tmp_path)("s3")
    for name, value in end.environment.items():
        monkeypatch.setenv(name, value)
    make(tmp_path / "s", {f"f{number}": os.urandom(SIZE // 3) for number in range(3)})
    copy(source_of(tmp_path / "s"), end.at("s"), end.connections)
    return end


def _seconds(end: End, limits: Limits, **options: Any) -> float:
    """How long the operator takes to have everything copied by the service."""
    operator = SizeRoutedCopyOperator(
        task_id="copy",
        source=str(end.at("s")),
        destination=str(end.at("t")),
        route="server_side",
        limits=limits.to_dict(),
        **options,
    )
    ti = SimpleNamespace(try_number=1, xcom_push=lambda **pushed: None)
    context: Any = {"ti": ti, "task_state_store": SimpleNamespace(set=lambda *kept: None)}
    report = operator.execute(context)
    assert (report["route"], report["bytes"], report["failed"]) == ("server_side", SIZE, 0)
    assert end.read("t") == end.read("s")
    return float(report["seconds"])


def test_by_default_the_bytes_do_not_pass_the_link_and_nothing_holds_them_back(end: End) -> None:
    assert _seconds(end, LIMITS) < SIZE / RATE * 0.8


def test_where_the_platform_counts_them_they_keep_to_the_tenants_rate(end: End) -> None:
    assert _seconds(end, replace(LIMITS, server_side=True)) > SIZE / RATE * 0.9


def test_what_is_read_back_passes_the_link_and_keeps_to_the_rate(end: End) -> None:
    assert _seconds(end, LIMITS, verify="read_back") > SIZE / RATE * 0.9
