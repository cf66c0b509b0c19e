"""An Airflow connection, without Airflow: :class:`Connection`, and the variables ``AIRFLOW_CONN_<ID>`` as a source.

Airflow's two written forms are read here as Airflow reads them (``airflow.sdk.definitions.connection``): a URI, or
JSON with ``conn_type, host, port, login, password, schema, extra``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_datamove.errors import ConnectionNotFound, WrongUse


@dataclass(frozen=True, slots=True)
class Connection:
    """What a store needs to know to log in. Its ``repr`` shows no secret."""

    id: str
    type: str = ""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    native: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    """Makes what Airflow's own hook gives for this connection (a session, a credential), where there is one."""

    def option(self, name: str, default: Any = None) -> Any:
        """A field of the extra, under its own name or Airflow's older ``extra__<type>__<name>``; empty is absent."""
        for key, value in self.extra.items():
            if (key == name or (key.startswith("extra__") and key.endswith(f"__{name}"))) and value not in (None, ""):
                return value
        return default


class Connections(Protocol):
    """Where connections are looked up."""

    def get(self, connection_id: str) -> Connection:
        """The connection of this id.

        :raises ConnectionNotFound: if there is none.
        """


class EnvironmentConnections:
    """Connections from the variables ``AIRFLOW_CONN_<ID>``, in either of Airflow's forms.

    :param environment: the variables; by default those of this process.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def get(self, connection_id: str) -> Connection:
        """See :meth:`Connections.get`; a variable that cannot be read is a :class:`WrongUse` that names it."""
        variable = f"AIRFLOW_CONN_{connection_id.upper()}"
        value = self._environment.get(variable)
        if not value:
            raise ConnectionNotFound(
                f"there is no connection {connection_id!r}", remedy=f"Set {variable} to a URI or JSON"
            )
        try:
            return (
                parse_json(connection_id, value) if value.lstrip().startswith("{") else parse_uri(connection_id, value)
            )
        except (ValueError, TypeError, AttributeError):
            # The cause may quote the value, and the value is a secret.
            raise WrongUse(
                f"{variable} is neither a connection URI nor connection JSON",
                remedy='Write conn-type://login:password@host:port or {"conn_type": "..."}',
            ) from None


def parse_json(connection_id: str, text: str) -> Connection:
    """Reads Airflow's JSON form. :raises ValueError: if it is not that."""
    values = json.loads(text)
    extra = values.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    if not isinstance(extra, dict):
        raise ValueError("extra is not an object")
    port = values.get("port")
    return Connection(
        id=connection_id,
        type=_normal_type(values.get("conn_type") or ""),
        host=values.get("host") or "",
        port=int(port) if port not in (None, "") else None,
        login=values.get("login") or "",
        password=values.get("password") or "",
        schema=values.get("schema") or "",
        extra=extra,
    )


def parse_uri(connection_id: str, text: str) -> Connection:
    """Reads Airflow's URI form; every part is percent-decoded. :raises ValueError: if it is not that."""
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError("no connection type")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra: dict[str, Any] = json.loads(query["__extra__"]) if "__extra__" in query else dict(query)
    host = unquote(parts.hostname or "")
    inner = parts.path.removeprefix("/")
    if "://" in text.partition("://")[2].partition("?")[0]:  # conn-type://http://host: the host's own scheme
        nested = urlsplit(text.partition("://")[2])
        host = f"{nested.scheme}://{unquote(nested.hostname or '')}"
        parts, inner = nested, nested.path.removeprefix("/")
    return Connection(
        id=connection_id,
        type=_normal_type(urlsplit(text).scheme),
        host=host,
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(inner),
        extra=extra,
    )


def _normal_type(name: str) -> str:
    return "postgres" if name == "postgresql" else name.replace("-", "_")
