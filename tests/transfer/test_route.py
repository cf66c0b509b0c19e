from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.errors import Refused
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.route import NO_CLUSTER, choose_route

LARGE = "12 files, 2 GiB: not below the threshold of 1 GiB"
INPUTS = st.fixed_dictionaries(
    {
        "files": st.integers(0, 10**9),
        "bytes": st.integers(0, 2**60),
        "threshold": st.integers(1, 2**50),
        "distcp_obstacle": st.sampled_from(["", NO_CLUSTER, "it cannot"]),
        "server_side": st.booleans(),
        "requested": st.sampled_from(Route),
    }
)


@settings(deadline=None, max_examples=300)
@given(INPUTS)
def test_the_route_follows_from_its_inputs_alone(inputs: dict[str, object]) -> None:
    possible = {Route.WORKER}
    possible |= {Route.SERVER_SIDE} if inputs["server_side"] else set()
    possible |= {Route.DISTCP} if not inputs["distcp_obstacle"] else set()
    requested = inputs["requested"]
    if requested is not Route.AUTO and requested not in possible:
        with pytest.raises(Refused, match=f"route {requested} is impossible"):
            choose_route(**inputs)  # type: ignore[arg-type]
        return
    decision = choose_route(**inputs)  # type: ignore[arg-type]
    assert decision == choose_route(**inputs)  # type: ignore[arg-type]
    if requested is not Route.AUTO:
        assert decision.route is requested
    elif Route.SERVER_SIDE in possible:
        assert decision.route is Route.SERVER_SIDE
    elif Route.DISTCP in possible:
        large = inputs["bytes"] >= inputs["threshold"]  # type: ignore[operator]
        assert decision.route is (Route.DISTCP if large else Route.WORKER)
    else:
        assert decision.route is Route.WORKER
    assert str(inputs["files"]) in decision.reason


@pytest.mark.parametrize(
    ("size", "obstacle", "route", "reason"),
    [
        (3_565_158, "", "worker", "12 files, 3.4 MiB: below the threshold of 1 GiB"),
        (2**31, "", "distcp", LARGE),
        (2**31, NO_CLUSTER, "worker", f"{LARGE}, but no Hadoop connection is given"),
        (2**31, "it cannot", "worker", f"{LARGE}, but it cannot"),
    ],
)  # fmt: skip
def test_the_reason_gives_the_figures(size: int, obstacle: str, route: str, reason: str) -> None:
    decision = choose_route(files=12, bytes=size, distcp_obstacle=obstacle, server_side=False)
    assert (str(decision.route), decision.reason) == (route, reason)
