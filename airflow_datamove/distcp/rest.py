"""Asking Hadoop's daemons by REST, in seconds and without ever following a redirect to a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_datamove.errors import DatamoveError
from airflow_datamove.stores.hdfs_spnego import Proof
from airflow_datamove.stores.http_client import Answer

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0
# Hadoop's filter against forged requests (``RestCsrfPreventionFilter``) wants to see it, whatever it says.
_HEADERS = {"Accept": "application/json", "X-XSRF-HEADER": "datamove"}


class NoAnswer(Exception):
    """None of the daemon's addresses answered in its own way; the text says what each did, in one line."""


@dataclass(frozen=True, slots=True)
class Access:
    """As whom daemons are asked, and whom they are believed to be."""

    user: str = ""
    """Hadoop user name, sent as ``user.name`` (``hadoop.http.authentication.type=simple``)."""
    kerberos: bool = False
    principal: str = ""
    keytab: str = ""
    """Without one, the process's own ticket cache serves."""
    verify: bool | str = True
    """Whether certificates are verified, or a file of those that are believed."""


class Rest:
    """One daemon under one or several addresses, of which one is active.

    :param urls: tried in order; the one that answered last is tried first the next time.
    """

    def __init__(self, urls: Sequence[str], access: Access | None = None) -> None:
        self._urls = list(urls)
        self._access = access or Access()
        self._parameters = {"user.name": self._access.user} if self._access.user else {}
        self._proofs: dict[str, Proof] = {}

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON at ``path``.

        :raises NoAnswer: if no address gives it. A redirect, a page for people or a 404 says nothing of a job: it may
            be a gateway's, a login page's, or another daemon's.
        """
        status, answer = self._ask("GET", path, parameters)
        if status == 404:
            raise NoAnswer(f"there is no {path}")
        return answer

    def find(self, path: str) -> Any | None:
        """The JSON at ``path``; ``None`` if the daemon itself says that it does not know the thing that this names.

        :raises NoAnswer: as :meth:`get` does.
        """
        status, answer = self._ask("GET", path, {})
        return None if status == 404 else answer

    def put(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of a PUT; status 404 if the daemon itself says that it does not know the thing.

        :raises NoAnswer: as :meth:`get` does.
        """
        return self._ask("PUT", path, {}, body)

    def _ask(
        self, method: str, path: str, parameters: dict[str, str], body: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        problems = []
        waiting = list(self._urls)
        asked: set[str] = set()
        while waiting:
            url = waiting.pop(0)
            if url in asked:
                continue
            asked.add(url)
            try:
                response = self._send(method, url, path, parameters, body)
            except requests.RequestException as error:
                problems.append(f"{url}: {type(error).__name__}")
                continue
            except DatamoveError as error:
                problems.append(f"{url}: {error.message}")
                continue
            if elsewhere := _active_instead(response, path):
                problems.append(f"{url} is on standby")
                # What is configured is reachable from here; what a daemon writes into a redirect may not be.
                waiting.append(elsewhere)
            elif trouble := _trouble(response):
                problems.append(f"{url} {trouble}")
            else:
                self._prefer(url)
                return response.status_code, response.json()
        raise NoAnswer("; ".join(problems) or "no address is configured")

    def _send(
        self, method: str, url: str, path: str, parameters: dict[str, str], body: dict[str, Any] | None
    ) -> requests.Response:
        def send(headers: Mapping[str, str]) -> requests.Response:
            return requests.request(
                method,
                f"{url}{path}",
                params={**self._parameters, **parameters},
                json=body,
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                allow_redirects=False,
                headers=dict(headers),
                verify=self._access.verify,
            )

        access = self._access
        if not access.kerberos:
            return send(_HEADERS)
        proof = self._proofs.setdefault(
            url,
            Proof(
                urlsplit(url).hostname or "", _HEADERS, kerberos=True, principal=access.principal, keytab=access.keytab
            ),
        )
        return proof.ask(send, _answer)

    def _prefer(self, url: str) -> None:
        if url in self._urls and self._urls[0] != url:
            self._urls = [url, *(each for each in self._urls if each != url)]


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()})


def _active_instead(response: requests.Response, path: str) -> str | None:
    """The address of the active daemon, if this one says that it is on standby (``RMWebAppFilter``)."""
    target = response.headers.get("Location") if response.is_redirect else None
    if target is None and "standby" in response.headers.get("Refresh", "").lower() + response.text[:200].lower():
        target = response.headers.get("Refresh", "").partition("url=")[2] or None
    if target is None:
        return None
    parts = urlsplit(target)
    same_question = parts.path == path and parts.netloc != urlsplit(str(response.url)).netloc
    return f"{parts.scheme}://{parts.netloc}" if same_question else None


def _trouble(response: requests.Response) -> str:
    """Why this is no answer of a daemon of Hadoop's; empty if it is one."""
    if response.is_redirect:
        # Its query may hold what is nobody's business.
        return f"redirects to {urlsplit(response.headers['Location']).netloc or 'another page'}, as a login page does"
    status, exception = response.status_code, _exception(response)
    if status >= 400 and not (status == 404 and exception.get("exception") == "NotFoundException"):
        reason = str(exception.get("message") or response.reason or "")[:300]
        return f"answers {status} {reason}".rstrip() + (", and not as Hadoop does" if status == 404 else "")
    return "" if _json(response) is not None else f"answers {status} with no JSON, which is not as Hadoop does"


def _exception(response: requests.Response) -> dict[str, Any]:
    """What a daemon says of an error (``RemoteExceptionData``); empty if it is not a daemon who speaks."""
    answer = _json(response)
    found = answer.get("RemoteException") if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def _json(response: requests.Response) -> Any:
    if "json" not in response.headers.get("Content-Type", ""):
        return None
    try:
        return response.json()
    except ValueError:
        return None
