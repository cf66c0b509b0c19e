"""Airflow's REST API from outside, and the requests of ``/datamove`` in it: :class:`AirflowApi`, :class:`Requests`.

requests = Requests(AirflowApi("https://airflow.example", token=...))
id = requests.submit({"tenant": "acme", "source": "hdfs://onprem@/a/", "destination": "gs://gcp@bucket/a/"})["id"]
requests.wait([id])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from airflow_datamove.errors import DatamoveError, NotFound, PermissionDenied, QueueFull, StoreUnavailable, WrongUse

_SECONDS = 60.0
_PATIENCE = 300.0
"""Seconds for which a wait goes on though Airflow does not answer."""
_OPEN = ("pending", "running")


class AirflowApi:
    """A login at one Airflow.

    :param url: of the API server, ``http://host:8080``.
    :param username: with ``password``, for ``POST /auth/token``.
    :param token: instead of both.
    :raises PermissionDenied: if Airflow refuses the login.
    """

    def __init__(self, url: str, *, username: str = "", password: str = "", token: str = "") -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        if not token:
            answer = self.call("POST", "/auth/token", {"username": username, "password": password})
            token = str(answer["access_token"])
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, *, params: Any = None) -> Any:
        """The JSON that Airflow answers.

        :param path: below the API server's address, with its leading slash.
        :raises StoreUnavailable: if it does not answer, or is overloaded.
        :raises PermissionDenied: if this login may not do that.
        :raises NotFound: if there is no such thing.
        :raises WrongUse: if it refuses what was posted (400, 413, 422), and for a request in the wrong state (409).
        :raises QueueFull: if the tenant has too much pending.
        """
        try:
            answer = self._session.request(method, self.url + path, json=body, params=params, timeout=_SECONDS)
        except requests.RequestException as error:
            raise StoreUnavailable(
                f"Airflow does not answer: {type(error).__name__}", path=self.url, remedy="Is its API server up?"
            ) from None
        if answer.ok:
            return answer.json()
        told = _told(answer)
        if answer.status_code in (401, 403):
            raise PermissionDenied(
                f"Airflow refuses this login{f': {told}' if answer.status_code == 403 and told else ''}",
                path=self.url,
                remedy="Name a user who may do that",
            )
        if answer.status_code == 404:
            raise NotFound(told or "there is nothing there", path=path)
        if answer.status_code == 429:
            raise QueueFull(told)
        if answer.status_code in (400, 409, 413, 422):
            raise WrongUse(told)
        if answer.status_code in (502, 503, 504):
            raise StoreUnavailable(told or f"Airflow answers {answer.status_code}", path=self.url)
        raise DatamoveError(f"Airflow answers {answer.status_code} to {method} {path}: {told}")


def _told(answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
    return detail if isinstance(detail, str) else str(detail)[:300]


class Requests:
    """Puts copy requests in, looks at them, changes them."""

    def __init__(self, api: AirflowApi) -> None:
        self._api = api

    def submit(self, request: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Puts one request into the queue; it is durable when this returns.

        :param dry_run: only tell what would be done.
        :raises WrongUse: with everything that speaks against it.
        """
        answer: dict[str, Any] = self._api.call("POST", _at("requests", dry_run=dry_run), dict(request))
        return answer

    def submit_many(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Puts up to 10,000 into the queue; what is wrong with one keeps no other out.

        :return: for each its id, or why it was refused.
        """
        answers: list[dict[str, Any]] = self._api.call("POST", "/datamove/requests", list(requests))["answers"]
        return answers

    def get(self, id: str) -> dict[str, Any]:
        """One request.

        :raises NotFound: if there is none, or it is another's.
        """
        found: dict[str, Any] = self._api.call("GET", f"/datamove/requests/{quote(id, safe='')}")
        return found

    def search(self, *, most: int = 1000, **query: Any) -> Iterator[dict[str, Any]]:
        """Requests that fit, newest first; the words are those of ``GET /datamove/requests``.

        :param most: how many at most.
        """
        cursor = ""
        while most > 0:
            words = {**query, "limit": min(most, 1000), "cursor": cursor, "counts": False}
            page = self._api.call("GET", "/datamove/requests", params=words)
            yield from page["requests"]
            most -= len(page["requests"])
            if not (cursor := page["cursor"]):
                return

    def counts(self, **query: Any) -> dict[str, int]:
        """How many there are in each state."""
        page = self._api.call("GET", "/datamove/requests", params={**query, "limit": 1})
        counts: dict[str, int] = page["counts"]
        return counts

    def cancel(self, *ids: str, **which: Any) -> dict[str, Any]:
        """Cancels by id, or all that fits."""
        return self._change("cancel", ids, which)

    def retry(self, *ids: str, **which: Any) -> dict[str, Any]:
        """Puts back into the queue by id, or all that fits, what has failed, is dead or was cancelled."""
        return self._change("retry", ids, which)

    def set_priority(self, priority: int, *ids: str, **which: Any) -> dict[str, Any]:
        """Gives pending ones another priority."""
        answer: dict[str, Any] = self._api.call(
            "POST", "/datamove/priority", {"priority": priority, "which": _which(ids, which)}
        )
        return answer

    def wait(
        self,
        ids: Iterable[str],
        *,
        seconds: float | None = None,
        look: Callable[[list[dict[str, Any]]], None] | None = None,
    ) -> list[dict[str, Any]]:
        """Waits until requests have ended.

        :param seconds: how long at most; ``None``: until they have.
        :param look: is shown all of them once a second.
        :return: the requests as they are then.
        :raises StoreUnavailable: if Airflow does not answer for five minutes.
        """
        wanted, begun = list(ids), time.monotonic()
        known: dict[str, dict[str, Any]] = {}
        heard = begun
        while True:
            try:
                for id in wanted:
                    if known.get(id, {"state": "pending"})["state"] in _OPEN:
                        known[id] = self.get(id)
                heard = time.monotonic()
            except StoreUnavailable:
                if time.monotonic() - heard > _PATIENCE:
                    raise
            shown = [known[id] for id in wanted if id in known]
            if look is not None:
                look(shown)
            over = len(shown) == len(wanted) and not any(each["state"] in _OPEN for each in shown)
            if over or (seconds is not None and time.monotonic() - begun >= seconds):
                return shown
            time.sleep(1.0)

    def _change(self, what: str, ids: Sequence[str], which: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.call("POST", f"/datamove/{what}", _which(ids, which))
        return answer


def _which(ids: Sequence[str], which: Mapping[str, Any]) -> dict[str, Any]:
    return {**which, "ids": list(ids)} if ids else dict(which)


def _at(path: str, **words: bool) -> str:
    asked = "&".join(f"{name}=true" for name, value in words.items() if value)
    return f"/datamove/{path}{f'?{asked}' if asked else ''}"
