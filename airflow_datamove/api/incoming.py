"""From what somebody posts to rows of the ledger: each request is read and admitted by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_datamove.api.lanes import Lanes
from airflow_datamove.api.models import Answer
from airflow_datamove.api.rights import may
from airflow_datamove.errors import QuantityError, Refused, WrongUse
from airflow_datamove.ledger.submit import NewRequest
from airflow_datamove.quantity import parse_duration
from airflow_datamove.scheduling.admission import admit
from airflow_datamove.spec.fields import LANES
from airflow_datamove.spec.request import conf_of, read_request

_OURS = ("tenant", "idempotency_key", "deadline", "join")
_LONGEST_KEY = 200


@dataclass
class Incoming:
    """The requests of one call.

    :param user: who posts them.
    """

    lanes: Lanes
    user: Any
    accepted: list[tuple[int, NewRequest]] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    """tenant -> how many of its requests may be pending."""
    _may: dict[tuple[str, str], bool] = field(default_factory=dict)

    def read(self, index: int, values: Any) -> None:
        """Reads one, and keeps it as accepted or refused."""
        try:
            self.accepted.append((index, self.let_in(values)))
        except WrongUse as error:
            reason = str(error).encode(errors="backslashreplace").decode()
            self.refused.append(Answer(index=index, state="refused", refused=reason))

    def let_in(self, values: Any) -> NewRequest:
        """Reads and admits one.

        :raises WrongUse: with everything that speaks against it.
        """
        if not isinstance(values, Mapping):
            raise Refused(
                "the request is not an object", remedy='Post {"tenant": ..., "source": ..., "destination": ...}'
            )
        tenant, key, join = values.get("tenant"), values.get("idempotency_key"), values.get("join", True)
        if not isinstance(tenant, str) or not tenant:
            raise Refused("'tenant' is missing", remedy="Name the tenant that the copy is for")
        if key is not None and (not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY):
            raise Refused("idempotency_key: no text of 1 to 200 characters")
        if not isinstance(join, bool):
            raise Refused("join: neither true nor false")
        deadline = _deadline(values.get("deadline"))
        request = read_request({name: value for name, value in values.items() if name not in _OURS})
        lane = request.lane or self._usual_lane(tenant)
        if not self._allowed(tenant, lane):
            raise Refused(f"you may not copy for tenant {tenant!r} in lane {lane!r}, or there is no such lane")
        limits = self.lanes.limits(tenant, lane)
        if limits is None:
            raise Refused(f"there is no lane {lane!r} of tenant {tenant!r}", remedy="Look at its copy DAGs")
        admit(request, limits, lane=lane)
        self.most[tenant] = limits.max_queued
        return NewRequest(
            tenant,
            lane,
            request.source,
            request.destination,
            conf_of(request),
            priority=request.priority,
            client=request.client,
            idempotency_key=key,
            submitted_by=str(self.user.get_name()),
            deadline_at=deadline,
            join=join,
        )

    def _usual_lane(self, tenant: str) -> str:
        """``normal``, or what the tenant has instead."""
        return next((lane for lane in ("normal", *LANES) if self.lanes.limits(tenant, lane)), "normal")

    def _allowed(self, tenant: str, lane: str) -> bool:
        if (tenant, lane) not in self._may:
            self._may[tenant, lane] = may(self.user, "POST", tenant, lane)
        return self._may[tenant, lane]


def _deadline(value: Any) -> int | None:
    """Milliseconds since 1970, from a span of time (``2h``) or milliseconds since 1970."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value > 10**12:
        return value
    try:
        return int((time.time() + parse_duration(value)) * 1000)
    except QuantityError as error:
        raise Refused(
            f"deadline: {error.message}", remedy="Write a span such as 2h, or milliseconds since 1970"
        ) from None
