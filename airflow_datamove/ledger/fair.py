"""Weighted max-min fairness: who gets how much of a link. Arithmetic alone; :mod:`.reserve` makes reservations of it.

Nobody gets more than he asks for, and what he leaves is divided among the others by their weights (D. Bertsekas and
R. Gallager, Data Networks, 6.5.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LANE_WEIGHTS: Mapping[str, int] = {"urgent": 4, "normal": 2, "bulk": 1}
"""How a tenant's bandwidth is divided among its own lanes. What no lane here is named counts as normal."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one transfer could use.

    :param weight: against the others of its tenant and lane; its slots, say.
    :param demand: bytes/s.
    :param fixed: it has ``demand`` whatever its share is: a job that was given its rate.
    """

    tenant: str
    lane: str
    share: int
    weight: float
    demand: float
    fixed: bool = False


def fill(capacity: float, weights: Sequence[float], most: Sequence[float], least: Sequence[float]) -> list[float]:
    """Divides by weights, as water finds its level.

    :param weights: above 0.
    :param most: what each could use.
    :param least: what each has in any case, at most its ``most``; they may add up to more than the capacity.
    :return: what each gets: ``least``, and of what is left as much as brings all to one level of rate per weight.
    """
    left = capacity - sum(least)
    given = list(least)
    if left <= 0:
        return given
    # From the lowest level up: at each edge someone begins to rise, or has had enough.
    edges = sorted(
        [(low / weight, 1, weight) for low, high, weight in zip(least, most, weights, strict=True) if high > low]
        + [(high / weight, -1, weight) for low, high, weight in zip(least, most, weights, strict=True) if high > low]
    )
    level = rising = 0.0
    for edge, sign, weight in edges:
        if rising > 0 and (edge - level) * rising >= left:
            level += left / rising
            break
        left -= (edge - level) * max(0.0, rising)
        level, rising = edge, rising + sign * weight
    for number, weight in enumerate(weights):
        given[number] = max(least[number], min(most[number], level * weight))
    return given


def shares(capacity: float, wishes: Sequence[Wish]) -> list[float]:
    """Divides a link's capacity: among tenants by their shares, of a tenant's among its lanes by
    :data:`LANE_WEIGHTS`, of a lane's among its transfers by their weights.

    :param capacity: bytes/s.
    :return: bytes/s of each wish. A fixed one gets its demand, and its tenant that much less for the others.
    """
    tenants = _grouped(range(len(wishes)), [wish.tenant for wish in wishes])
    given = [0.0] * len(wishes)
    tenant_weights = [float(max(wishes[each].share for each in group)) for group in tenants]
    for of_tenant, group in zip(_level(capacity, wishes, tenants, tenant_weights), tenants, strict=True):
        lanes = _grouped(group, [wishes[each].lane for each in group])
        lane_weights = [float(LANE_WEIGHTS.get(wishes[lane[0]].lane, LANE_WEIGHTS["normal"])) for lane in lanes]
        for of_lane, lane in zip(_level(of_tenant, wishes, lanes, lane_weights), lanes, strict=True):
            each_alone = [[each] for each in lane]
            weights = [wishes[each].weight for each in lane]
            for each, rate in zip(lane, _level(of_lane, wishes, each_alone, weights), strict=True):
                given[each] = rate
    return given


def _level(
    capacity: float, wishes: Sequence[Wish], groups: Sequence[Sequence[int]], weights: Sequence[float]
) -> list[float]:
    most = [sum(wishes[each].demand for each in group) for group in groups]
    least = [sum(wishes[each].demand for each in group if wishes[each].fixed) for group in groups]
    return fill(capacity, weights, most, least)


def _grouped(indexes: Sequence[int], names: Sequence[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for index, name in zip(indexes, names, strict=True):
        groups.setdefault(name, []).append(index)
    return [groups[name] for name in sorted(groups)]
