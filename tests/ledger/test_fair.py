from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.ledger.fair import LANE_WEIGHTS, Wish, fill, shares

WISHES = st.lists(
    st.builds(
        Wish,
        tenant=st.sampled_from(["acme", "beta", "gamma"]),
        lane=st.sampled_from(["urgent", "normal", "bulk"]),
        share=st.integers(1, 10),
        weight=st.integers(1, 8).map(float),
        demand=st.integers(0, 1000).map(float),
        fixed=st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
).map(lambda wishes: [Wish(w.tenant, w.lane, len(w.tenant), w.weight, w.demand, w.fixed) for w in wishes])


@given(WISHES, st.integers(0, 3000))
def test_the_link_is_not_oversold_and_nothing_is_left_that_somebody_wants(wishes: list[Wish], capacity: int) -> None:
    given_ = shares(capacity, wishes)

    fixed = sum(wish.demand for wish in wishes if wish.fixed)
    wanted = sum(wish.demand for wish in wishes)
    assert sum(given_) == pytest.approx(max(fixed, min(capacity, wanted)), abs=1e-6)
    for wish, rate in zip(wishes, given_, strict=True):
        assert rate <= wish.demand + 1e-6
        assert rate >= (wish.demand if wish.fixed else 0)


@given(WISHES, st.integers(0, 3000), st.integers())
def test_the_order_does_not_matter(wishes: list[Wish], capacity: int, seed: int) -> None:
    order = list(range(len(wishes)))
    random.Random(seed).shuffle(order)

    mixed = shares(capacity, [wishes[each] for each in order])

    plain = shares(capacity, wishes)
    assert mixed == pytest.approx([plain[each] for each in order], abs=1e-6)


@given(WISHES, st.integers(1, 3000))
def test_who_wants_more_has_as_much_for_its_share_as_anyone(wishes: list[Wish], capacity: int) -> None:
    """Max-min: nobody who goes short has less for its weight than another has."""
    given_ = shares(capacity, wishes)

    rate: dict[str, float] = {}
    short: set[str] = set()
    fixed: dict[str, float] = {}
    share = {wish.tenant: wish.share for wish in wishes}
    for wish, each in zip(wishes, given_, strict=True):
        rate[wish.tenant] = rate.get(wish.tenant, 0) + each
        fixed[wish.tenant] = fixed.get(wish.tenant, 0) + (wish.demand if wish.fixed else 0)
        if each < wish.demand - 1e-6:
            short.add(wish.tenant)
    for one in short:
        for other in rate:
            if rate[other] > fixed[other] + 1e-6:
                assert rate[one] / share[one] >= rate[other] / share[other] - 1e-6


def test_three_tenants_that_want_everything_get_it_by_their_shares() -> None:
    wishes = [Wish("a", "bulk", 1, 1, 1e9), Wish("b", "bulk", 2, 1, 1e9), Wish("c", "urgent", 5, 1, 1e9)]
    assert shares(80, wishes) == [10, 20, 50]


def test_what_a_slow_one_leaves_goes_to_the_others() -> None:
    wishes = [Wish("a", "bulk", 1, 1, 1e9), Wish("b", "bulk", 2, 1, 1e9), Wish("c", "bulk", 5, 1, 20)]
    assert shares(80, wishes) == [20, 40, 20]


def test_a_tenants_lanes_and_in_a_lane_its_slots_divide_what_it_has() -> None:
    wishes = [Wish("a", "urgent", 1, 1, 1e9), Wish("a", "bulk", 1, 1, 1e9), Wish("a", "bulk", 1, 3, 1e9)]
    assert shares(50, wishes) == [40, 2.5, 7.5]
    assert LANE_WEIGHTS["urgent"] == 4 * LANE_WEIGHTS["bulk"]


def test_what_a_job_was_given_counts_as_its_tenants() -> None:
    wishes = [Wish("a", "bulk", 1, 1, 30, fixed=True), Wish("a", "bulk", 1, 1, 1e9), Wish("b", "bulk", 1, 1, 1e9)]
    assert shares(80, wishes) == [30, 10, 40]
    assert shares(50, wishes) == [30, 0, 20]
    assert shares(20, wishes) == [30, 0, 0]


def test_nothing_is_divided_among_nobody() -> None:
    assert shares(10, []) == []
    assert fill(10, [], [], []) == []
