"""Keeps unsound requests, and so credentials, out of Airflow's audit log: :class:`RefuseUnsound`.

Airflow writes the body of each triggering call into its ``log`` table before it looks whether the call is sound. A copy
request that is not, above all one whose address carries a credential, is therefore refused one step earlier.
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
from airflow_datamove.errors import WrongUse
from airflow_datamove.scheduling.leased_runs import LEASED_CONF
from airflow_datamove.spec.request import read_request

_COPY_RUNS = re.compile(r".*/api/v2/dags/[a-z0-9_-]+\.copy\.(urgent|normal|bulk)/dagRuns/?")
_LARGEST = 256 * 1024
_CREDENTIAL = (
    "the request carries a credential. Put it into the Airflow connection and write "
    "scheme://connection_id@authority/path"
)


class RefuseUnsound:
    """ASGI middleware: answers 400 to a copy request that cannot be; everything else passes unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at the body of a copy request, and at nothing else."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _COPY_RUNS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = b""
        async for chunk in Request(scope, receive).stream():
            body += chunk
            if len(body) > _LARGEST:
                await _refuse(f"the request is larger than {_LARGEST} bytes", scope, receive, send)
                return
        if reason := _unsound(body):
            await _refuse(reason, scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": reason}, status_code=400)(scope, receive, send)


def _unsound(body: bytes) -> str:
    """What is wrong with a request; empty for a sound one, and for a body that Airflow itself will refuse."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if any(carries_credential(text) for text in _texts(values)):
        return _CREDENTIAL
    conf = values.get("conf") if isinstance(values, dict) else None
    if not isinstance(conf, dict) or conf == LEASED_CONF:
        return ""
    try:
        read_request(conf)
    except WrongUse as error:
        return str(error).encode(errors="backslashreplace").decode()
    return ""


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            pending += [*each, *each.values()]
        elif isinstance(each, list):
            pending += each
