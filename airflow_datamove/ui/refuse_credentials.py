"""Keeps credentials out of Airflow's audit log: :class:`RefuseCredentials`.

Airflow writes the body of each triggering call into its ``log`` table before it looks whether the call is sound. A
request whose address carries a credential is therefore refused one step earlier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_datamove.address import carries_credential

_COPY_RUNS = re.compile(r".*/api/v2/dags/[a-z0-9_-]+\.copy\.(urgent|normal|bulk)/dagRuns/?")
_DETAIL = (
    "an address carries a credential. Put it into the Airflow connection and write "
    "scheme://connection_id@authority/path"
)


class RefuseCredentials:
    """ASGI middleware: answers 400 to a copy request that carries a credential; everything else passes unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at the body of a copy request, and at nothing else."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _COPY_RUNS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        if any(carries_credential(text) for text in _texts(_parsed(body))):
            await JSONResponse({"detail": _DETAIL}, status_code=400)(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
