"""From an Airflow connection of type ``webhdfs`` to name nodes, and who asks them.

The fields are those of Airflow's ``WebHDFSHook`` (``airflow.providers.apache.hdfs.hooks.webhdfs``). A certificate that
cannot be verified is refused unless the connection says otherwise; that hook takes any.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.certificates import tls_of
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.http_connection import default_tls

_PORT, _PORT_TLS = 9870, 9871


@dataclass(frozen=True, slots=True)
class HdfsLogin:
    """How to reach an HDFS, and as whom."""

    urls: tuple[str, ...]
    """``http://host:9870`` of each name node, or of HttpFS or Knox in their place."""
    prefix: str = ""
    """What every path begins with before ``/webhdfs/v1``: of Knox."""
    user: str = ""
    """Who asks, where nobody has to prove it; empty: the cluster's default."""
    kerberos: bool = False
    principal: str = ""
    """Of whom the ticket is; empty: the default of the ticket cache."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What goes to the name nodes with each request, names in lower case."""


def hdfs_login(connection: Connection) -> HdfsLogin:
    """Reads a connection.

    ``host`` (several, separated by commas, for name nodes in high availability), ``port`` (9870, with TLS 9871),
    ``schema`` (the path of a gateway), ``login``, ``password`` (sent with TLS alone: gateways ask for it); extra
    ``use_ssl``, ``verify`` (a file of certificates, or false for none), ``cert`` and ``key``, ``cookies``, ``headers``;
    extra ``use_kerberos`` or ``auth: kerberos``, or Airflow's ``AIRFLOW__CORE__SECURITY=kerberos``, with ``principal``.

    :raises WrongUse: if the connection cannot be used.
    """
    hosts = [host.strip() for host in connection.host.split(",") if host.strip()]
    if not hosts:
        raise WrongUse(
            f"connection {connection.id!r} names no host", remedy="Give the name node's host and WebHDFS port"
        )
    secure = _true(connection.option("use_ssl"))
    port = connection.port or (_PORT_TLS if secure else _PORT)
    bare = [host.partition("://")[2] or host for host in hosts]
    urls = tuple(f"http{'s' if secure else ''}://{host if ':' in host else f'{host}:{port}'}" for host in bare)
    kerberos = _kerberos(connection)
    headers = {str(name).lower(): str(value) for name, value in _mapping(connection.option("headers")).items()}
    if cookies := _mapping(connection.option("cookies")):
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if connection.password and not kerberos and (secure or all(_local(url) for url in urls)):
        pair = f"{connection.login}:{connection.password}".encode()
        headers["authorization"] = f"Basic {b64encode(pair).decode()}"
    schema = connection.schema.strip("/")
    return HdfsLogin(
        urls,
        f"/{quote(schema)}" if schema else "",
        "" if kerberos else connection.login,
        kerberos,
        str(connection.option("principal") or ""),
        _tls(connection) if secure else None,
        headers,
    )


def _kerberos(connection: Connection) -> bool:
    said = connection.option("use_kerberos", connection.option("auth"))
    if said is None:
        return os.environ.get("AIRFLOW__CORE__SECURITY", "").lower() == "kerberos"
    return _true(said) or str(said).lower() == "kerberos"


def _tls(connection: Connection) -> ssl.SSLContext | None:
    context = tls_of(connection)
    certificate, key = connection.option("cert"), connection.option("key")
    if certificate:
        context = context or default_tls()
        try:
            context.load_cert_chain(str(certificate), str(key) if key else None)
        except (OSError, ValueError):
            raise WrongUse(f"connection {connection.id!r}: its certificate (cert, key) cannot be read") from None
    return context


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")


def _local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
