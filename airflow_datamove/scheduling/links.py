"""Links -> slots -> pools: the one place where bandwidth becomes a number of slots."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_datamove.quantity import format_rate
from airflow_datamove.spec.platform import Link, Platform


@dataclass(frozen=True, slots=True)
class LinkSlots:
    """How many slots of a link each of its pools has; together never more than the capacity holds."""

    worker: int
    distcp: int
    urgent: int


@dataclass(frozen=True, slots=True)
class Pool:
    """An Airflow pool as it should be."""

    name: str
    slots: int
    include_deferred: bool
    description: str


def slots_of(link: Link) -> LinkSlots:
    """Cuts a link into slots. Each pool gets one at least; what rounding leaves over goes to the worker.

    Of a capacity that changes with the time of day it is the smallest: what a slot stands for must hold at any time.
    What there is beyond it is shared by those who run.
    """
    total = link.capacity.smallest // link.slot
    urgent = min(max(1, int(total * link.urgent)), total - 2)
    distcp = min(max(1, int(total * link.distcp)), total - urgent - 1)
    return LinkSlots(worker=total - urgent - distcp, distcp=distcp, urgent=urgent)


def worker_pool(link: str, lane: str) -> str:
    """The pool of a worker's copy. The urgent lane has its own: a task that waits cannot push out one that runs."""
    return f"{link}.urgent" if lane == "urgent" else f"{link}.worker"


def distcp_pool(link: str) -> str:
    """The pool of a DistCp job."""
    return f"{link}.distcp"


def pools_of(platform: Platform) -> list[Pool]:
    """The pools that a platform needs.

    ``include_deferred`` is on for DistCp: without it a deferred task holds no slots, and the link would be oversold.
    """
    pools = []
    for name, link in sorted(platform.links.items()):
        slots = slots_of(link)
        each = f"slots of {format_rate(link.slot)} on the link {name}"
        pools += [
            Pool(worker_pool(name, "normal"), slots.worker, False, f"Worker copies: {each}"),
            Pool(distcp_pool(name), slots.distcp, True, f"DistCp jobs: {each}"),
            Pool(worker_pool(name, "urgent"), slots.urgent, False, f"Urgent worker copies: {each}"),
        ]
    return pools
