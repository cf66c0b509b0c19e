"""Links -> slots -> pools: never more bandwidth than there is."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_datamove.scheduling.links import pools_of, slots_of
from airflow_datamove.spec.capacity import Capacity
from airflow_datamove.spec.platform import Link, Platform


@given(
    slot=st.integers(1, 10**9),
    count=st.integers(3, 5_000),
    rest=st.floats(0, 0.99),
    distcp=st.floats(0, 1),
    urgent=st.floats(0, 1),
)
def test_the_pools_never_hold_more_than_the_link(
    slot: int, count: int, rest: float, distcp: float, urgent: float
) -> None:
    assume(distcp + urgent <= 1)
    capacity = slot * count + int(slot * rest)
    slots = slots_of(Link(capacity=Capacity(((0, capacity),)), slot=slot, distcp=distcp, urgent=urgent))
    assert min(slots.worker, slots.distcp, slots.urgent) >= 1
    assert (slots.worker + slots.distcp + slots.urgent) * slot <= capacity
    assert slots.worker + slots.distcp + slots.urgent == count


def test_pools_are_named_after_their_link_and_count_deferred_jobs() -> None:
    platform = Platform.model_validate({"links": {"wan": {"capacity": "400 MiB/s", "slot": "25 MiB/s"}}})
    assert [(pool.name, pool.slots, pool.include_deferred) for pool in pools_of(platform)] == [
        ("wan.worker", 3, False),
        ("wan.distcp", 12, True),
        ("wan.urgent", 1, False),
    ]


def test_slots_are_cut_from_the_smallest_capacity_of_the_day() -> None:
    capacity = {"08:00-18:00": "400 MiB/s", "otherwise": "4 GiB/s"}
    links = {"wan": {"capacity": capacity}, "lan": {"capacity": "400 MiB/s"}}
    platform = Platform.model_validate({"links": links})
    assert slots_of(platform.links["wan"]) == slots_of(platform.links["lan"])
