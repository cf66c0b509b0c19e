"""Brings Airflow's pools in line with the links, by Airflow's REST API: first what would change, then the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from airflow_datamove.client import AirflowApi
from airflow_datamove.scheduling.links import Pool


@dataclass(frozen=True, slots=True)
class Change:
    """A pool that is not as it should be."""

    wanted: Pool
    found: Mapping[str, Any] | None
    """What Airflow has; ``None``: nothing."""

    def __str__(self) -> str:
        if self.found is None:
            deferred = ", deferred tasks count" if self.wanted.include_deferred else ""
            return f"+ {self.wanted.name}: {self.wanted.slots} slots{deferred}"
        parts = [
            f"{field} {self.found.get(field)} -> {value}"
            for field, value in _fields(self.wanted).items()
            if self.found.get(field) != value and field != "description"
        ]
        return f"~ {self.wanted.name}: {', '.join(parts) or 'description'}"


class PoolsApi:
    """The pools of one Airflow."""

    def __init__(self, api: AirflowApi) -> None:
        self._api = api

    def changes(self, wanted: list[Pool]) -> list[Change]:
        """What :meth:`apply` would do."""
        found = {pool["name"]: pool for pool in self._all()}
        return [
            Change(pool, found.get(pool.name))
            for pool in wanted
            if pool.name not in found or any(found[pool.name].get(k) != v for k, v in _fields(pool).items())
        ]

    def apply(self, changes: list[Change]) -> None:
        """Makes and mends pools; never deletes one."""
        for change in changes:
            name, fields = change.wanted.name, _fields(change.wanted)
            if change.found is None:
                self._api.call("POST", "/api/v2/pools", {"name": name, **fields})
            else:
                self._api.call("PATCH", f"/api/v2/pools/{quote(name, safe='')}", {"pool": name, **fields})

    def _all(self) -> list[dict[str, Any]]:
        pools: list[dict[str, Any]] = []
        while True:
            answer = self._api.call("GET", f"/api/v2/pools?limit=100&offset={len(pools)}")
            pools += answer["pools"]
            if not answer["pools"] or len(pools) >= answer["total_entries"]:
                return pools


def importable(pools: list[Pool]) -> dict[str, dict[str, Any]]:
    """The pools in the form that ``airflow pools import FILE`` reads."""
    return {pool.name: _fields(pool) for pool in pools}


def _fields(pool: Pool) -> dict[str, Any]:
    return {name: value for name, value in asdict(pool).items() if name != "name"}
