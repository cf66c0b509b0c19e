"""What one tenant may do, as a small record that travels with every task that copies for it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Self

from airflow_datamove.scheduling.links import slots_of
from airflow_datamove.spec.fields import LANES, Lane
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.request import HIGHEST_PRIORITY, CopyRequest
from airflow_datamove.spec.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Limits:
    """A tenant's limits on its link."""

    tenant: str
    link: str
    read: tuple[str, ...]
    """Address prefixes that it may read; each ends with a slash."""
    write: tuple[str, ...]
    max_lane: Lane
    max_slots: int
    slot_rate: int
    """Bytes per second that one slot stands for."""
    server_side: bool = field(default=False, kw_only=True)
    """What a service copies by itself keeps to the rate too."""
    worker_slots: int
    distcp_slots: int
    urgent_slots: int
    share: int = 1
    capacity: str = ""
    """The link's, as :class:`~airflow_datamove.spec.capacity.Capacity` writes it; empty: running copies do not share
    it, and each has the rate of its slots."""
    max_queued: int = 100_000
    """Requests that may be pending."""
    threshold: int = 2**30
    """Bytes from which on DistCp copies."""
    queue: str = ""
    """YARN queue of its DistCp jobs."""
    hadoop: str = ""
    """Id of the Hadoop connection; empty: there is no cluster, and everything is copied by workers."""

    def slots(self, request: CopyRequest, *, distcp: bool, lane: str | None = None) -> int:
        """How many slots a copy takes: what it asks for (by default one for a worker, the tenant's most for DistCp),
        never more than the tenant may or the pool has, never less than one. A task that asked for more than its pool
        has would wait for ever.
        """
        return self.clamp_slots(request.slots, distcp=distcp, lane=lane or request.lane)

    def clamp_slots(self, wanted: int | None, *, distcp: bool, lane: str | None) -> int:
        """See :meth:`slots`."""
        worker_slots = self.urgent_slots if lane == "urgent" else self.worker_slots
        pool = self.distcp_slots if distcp else worker_slots
        if wanted is None:
            wanted = self.max_slots if distcp else 1
        return max(1, min(wanted, self.max_slots, pool))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return dict(_values_of(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote."""
        known = {f.name for f in fields(cls)}
        read: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        return cls(**read)


@lru_cache(maxsize=256)
def _values_of(limits: Limits) -> dict[str, Any]:
    """Every task of a tenant carries them."""
    values = ((each.name, getattr(limits, each.name)) for each in fields(limits))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def limits_of(name: str, tenant: Tenant, platform: Platform) -> Limits:
    """The limits of a tenant whose link exists (:mod:`~airflow_datamove.scheduling.admission` makes sure of that)."""
    link = platform.links[tenant.link]
    slots = slots_of(link)
    return Limits(
        tenant=name,
        link=tenant.link,
        read=tuple(tenant.read),
        write=tuple(tenant.write),
        max_lane=tenant.max_lane,
        max_slots=tenant.max_slots,
        slot_rate=link.slot,
        server_side=link.server_side,
        worker_slots=slots.worker,
        distcp_slots=slots.distcp,
        urgent_slots=slots.urgent,
        share=tenant.share,
        capacity=str(link.capacity) if link.shares else "",
        max_queued=tenant.max_queued,
        threshold=platform.threshold,
        queue=tenant.hadoop_queue or (platform.hadoop.queue if platform.hadoop else ""),
        hadoop=platform.hadoop.connection if platform.hadoop else "",
    )


def priority_weight(lane: str, priority: int) -> int:
    """Airflow's priority weight: the lane first, then the request's own priority, clamped to 0..99."""
    rank = LANES.index(lane) if lane in LANES else LANES.index("normal")
    return rank * (HIGHEST_PRIORITY + 1) + max(0, min(priority, HIGHEST_PRIORITY))


def lanes_up_to(highest: Lane) -> tuple[Lane, ...]:
    """The lanes that a tenant may use, lowest first."""
    return LANES[: LANES.index(highest) + 1]
