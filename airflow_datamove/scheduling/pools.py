"""Brings Airflow's pools in line with the links, by Airflow's REST API: first what would change, then the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import requests

from airflow_datamove.errors import DatamoveError, PermissionDenied, StoreUnavailable
from airflow_datamove.scheduling.links import Pool

_SECONDS = 30.0


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
    """The pools of one Airflow.

    :param url: of the API server, ``http://host:8080``.
    :param username: with ``password``, for ``POST /auth/token``.
    :param token: instead of both.
    """

    def __init__(self, url: str, *, username: str = "", password: str = "", token: str = "") -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if not token:
            answer = self._call("POST", "/auth/token", {"username": username, "password": password})
            token = str(answer["access_token"])
        self._session.headers["Authorization"] = f"Bearer {token}"

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
                self._call("POST", "/api/v2/pools", {"name": name, **fields})
            else:
                self._call("PATCH", f"/api/v2/pools/{quote(name, safe='')}", {"pool": name, **fields})

    def _all(self) -> list[dict[str, Any]]:
        pools: list[dict[str, Any]] = []
        while True:
            answer = self._call("GET", f"/api/v2/pools?limit=100&offset={len(pools)}", None)
            pools += answer["pools"]
            if not answer["pools"] or len(pools) >= answer["total_entries"]:
                return pools

    def _call(self, method: str, path: str, body: Any) -> Any:
        try:
            answer = self._session.request(method, self._url + path, json=body, timeout=_SECONDS)
        except requests.RequestException as error:
            raise StoreUnavailable(
                f"Airflow does not answer: {type(error).__name__}", path=self._url, remedy="Is its API server up?"
            ) from None
        if answer.status_code in (401, 403):
            raise PermissionDenied(
                "Airflow refuses this login", path=self._url, remedy="Name a user who may edit pools"
            )
        if not answer.ok:
            raise DatamoveError(f"Airflow answers {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json()


def importable(pools: list[Pool]) -> dict[str, dict[str, Any]]:
    """The pools in the form that ``airflow pools import FILE`` reads."""
    return {pool.name: _fields(pool) for pool in pools}


def _fields(pool: Pool) -> dict[str, Any]:
    return {name: value for name, value in asdict(pool).items() if name != "name"}
