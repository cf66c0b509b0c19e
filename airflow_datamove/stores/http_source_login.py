"""From an Airflow connection of type ``http`` to what a web server is shown.

https://airflow.apache.org/docs/apache-airflow-providers-http/stable/connections/http.html
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.certificates import tls_of
from airflow_datamove.stores.connection import Connection

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_PORTS = {"http": 80, "https": 443}
# What Airflow's hook does not take for headers.
_NO_HEADERS = {
    "allow_redirects", "auth_kwargs", "auth_type", "bearer_token", "cert", "check_response", "headers", "max_redirects",
    "proxies", "stream", "timeout", "trust_env", "verify",
}  # fmt: skip


class Origin(NamedTuple):
    """A server: scheme, host and port (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """As a URL without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WebLogin:
    """What a server is shown."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None


def origin_of(url: str) -> Origin:
    """The server of a URL.

    :raises WrongUse: if it is no http or https URL.
    """
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongUse("an address of a web server cannot be read") from None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or not host.isascii() or re.search(r"[\s/\\%]", host):
        raise WrongUse("an address of a web server cannot be read", remedy="Write https://host/path")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def web_login(connection: Connection, origin: Origin) -> WebLogin:
    """Reads a connection: login and password (Basic, RFC 7617), extra ``bearer_token`` (RFC 6750), extra ``headers``
    and, as Airflow's hook has it, all else that is in the extra as headers.

    Where the connection names a host, it is for that one alone: an address that names another one would carry what it
    holds to whoever is there.

    :raises WrongUse: if the connection is for another server, or cannot be used.
    """
    _refuse_another(connection, origin)
    more = connection.option("headers", {})
    if isinstance(more, str):
        try:
            more = json.loads(more)
        except ValueError:
            more = None
    if not isinstance(more, Mapping):
        raise WrongUse(f"connection {connection.id!r}: its headers are no object")
    plain = {name: value for name, value in connection.extra.items() if name not in _NO_HEADERS}
    headers: dict[str, str] = {}
    for name, value in {**plain, **more}.items():
        if not isinstance(value, (str, int, float)) or not _NAME.fullmatch(name) or not str(value).isprintable():
            raise WrongUse(f"connection {connection.id!r}: {name!r} is no header")
        headers[name.lower()] = str(value).encode().decode("latin-1")
    if token := connection.option("bearer_token"):
        headers["authorization"] = f"Bearer {token}"
    elif connection.login or connection.password:
        pair = f"{connection.login}:{connection.password}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return WebLogin(headers, tls_of(connection))


def _refuse_another(connection: Connection, origin: Origin) -> None:
    if not connection.host:
        return
    # In Airflow the host may be a whole URL, and the schema is http or https.
    scheme = connection.schema if connection.schema in _PORTS else origin.scheme
    host = connection.host if "://" in connection.host else f"{scheme}://{connection.host}"
    own = origin_of(host)
    if connection.port:
        own = own._replace(port=connection.port)
    if own != origin:
        raise WrongUse(
            f"connection {connection.id!r} is for {own.url}, not for {origin.url}",
            remedy=f"Write {own.scheme}://{connection.id}@{own.url.partition('://')[2]}/path",
        )


def is_internal(host: str) -> bool:
    """True for a host of the worker's own network: an address of it is private, link-local, or the machine itself."""
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host.strip("[]"), None)}
    except OSError:
        return False
    return any(not ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in found)
