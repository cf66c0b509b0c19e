"""What a tenant may do: clamped slots, weights by lane, and a record that travels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.scheduling.limits import Limits, lanes_up_to, limits_of, priority_weight
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.tenant import Tenant

LIMITS = Limits(
    tenant="acme",
    link="wan",
    read=("hdfs://onprem@/data/acme/",),
    write=("gs://gcp@lake/",),
    max_lane="normal",
    max_slots=8,
    slot_rate=25 * 2**20,
    worker_slots=3,
    distcp_slots=12,
    urgent_slots=1,
)


@given(st.none() | st.integers(-(10**6), 10**6), st.booleans(), st.sampled_from(["bulk", "normal", "urgent", None]))
def test_slots_are_never_none_and_never_more_than_pool_or_tenant(wanted: int | None, distcp: bool, lane: Any) -> None:
    slots = LIMITS.clamp_slots(wanted, distcp=distcp, lane=lane)
    pool = LIMITS.distcp_slots if distcp else LIMITS.urgent_slots if lane == "urgent" else LIMITS.worker_slots
    assert 1 <= slots <= min(LIMITS.max_slots, pool)


def test_by_default_a_worker_takes_one_slot_and_distcp_what_the_tenant_may() -> None:
    assert LIMITS.clamp_slots(None, distcp=False, lane="normal") == 1
    assert LIMITS.clamp_slots(None, distcp=True, lane="normal") == 8


@given(st.integers(0, 99), st.integers(0, 99))
def test_the_lane_comes_before_the_priority(one: int, other: int) -> None:
    assert priority_weight("bulk", one) < priority_weight("normal", other) < priority_weight("urgent", one)
    assert (priority_weight("bulk", one) < priority_weight("bulk", other)) == (one < other)


def test_the_record_survives_travelling_as_json() -> None:
    assert Limits.from_dict(LIMITS.to_dict()) == LIMITS


def test_lanes_are_ordered() -> None:
    assert lanes_up_to("normal") == ("bulk", "normal")
    assert lanes_up_to("urgent") == ("bulk", "normal", "urgent")


@pytest.mark.parametrize("counts", [None, False, True])
def test_what_a_service_copies_by_itself_counts_against_a_link_if_the_platform_says_so(counts: bool | None) -> None:
    link: dict[str, Any] = {"capacity": "1 GiB/s"} | ({} if counts is None else {"server_side": counts})
    platform = Platform.model_validate({"links": {"wan": link}})
    folders = ["gs://gcp@lake/"]
    tenant = Tenant.model_validate({"owner": "a@b.c", "link": "wan", "read": folders, "write": folders})
    limits = limits_of("acme", tenant, platform)
    assert limits.server_side is (counts or False)
    assert Limits.from_dict(limits.to_dict()) == limits
