"""The engine's connections, looked up in Airflow (environment, metadata database or secrets backend)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from airflow_datamove.errors import ConnectionNotFound
from airflow_datamove.stores.connection import Connection

if TYPE_CHECKING:
    from airflow.sdk import Connection as AirflowConnection


class AirflowConnections:
    """Connections as a task sees them."""

    def get(self, connection_id: str) -> Connection:
        """The connection of this id.

        :raises ConnectionNotFound: if Airflow has none.
        """
        try:
            found = _with_security(from_airflow(BaseHook.get_connection(connection_id)))
            return replace(found, native=native_of(found))
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            raise _not_found(connection_id, error) from None


class FetchedConnections:
    """Connections that were fetched beforehand: a trigger may ask Airflow only from its event loop, and the stores are
    used from threads."""

    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._connections = connections

    @classmethod
    async def fetch(cls, connection_ids: Iterable[str]) -> FetchedConnections:
        """Fetches the named connections; empty ids are left out.

        :raises ConnectionNotFound: if Airflow lacks one.
        """
        ids = sorted({each for each in connection_ids if each})
        found = await asyncio.gather(*(_fetch(each) for each in ids))
        return cls(dict(zip(ids, found, strict=True)))

    def get(self, connection_id: str) -> Connection:
        """See :meth:`AirflowConnections.get`."""
        try:
            return self._connections[connection_id]
        except KeyError:
            raise _not_found(connection_id, None) from None


def from_airflow(connection: AirflowConnection) -> Connection:
    """An Airflow connection as the engine's."""
    extra: dict[str, Any] = connection.extra_dejson
    return Connection(
        id=connection.conn_id or "",
        type=connection.conn_type or "",
        host=connection.host or "",
        port=connection.port,
        login=connection.login or "",
        password=connection.password or "",
        schema=connection.schema or "",
        extra=extra,
    )


def _with_security(connection: Connection) -> Connection:
    """WebHDFS logs in by Kerberos where Airflow does (``[core] security``), as its own hook has it."""
    if connection.type != "webhdfs" or conf.get("core", "security", fallback="") != "kerberos":
        return connection
    return replace(connection, extra={"use_kerberos": True, **connection.extra})


def native_of(connection: Connection) -> Callable[[], Any] | None:
    """What Airflow's own hook makes of a connection, for the ways of logging in that the stores leave to it: a
    ``BlobServiceClient``, Google's credentials, a boto3 session. ``None`` for the other types.

    In a trigger it is left out: hooks ask Airflow for their connection, which a trigger may do from its event loop
    alone.
    """
    makers: dict[str, Callable[[str], Any]] = {
        "wasb": _blob_service,
        "google_cloud_platform": _google_credentials,
        "aws": _aws_session,
    }
    make = makers.get(connection.type)
    return None if make is None else lambda: make(connection.id)


def _blob_service(connection_id: str) -> Any:
    from airflow.providers.microsoft.azure.hooks.wasb import WasbHook

    return WasbHook(wasb_conn_id=connection_id).get_conn()


def _google_credentials(connection_id: str) -> Any:
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    return GoogleBaseHook(gcp_conn_id=connection_id).get_credentials()


def _aws_session(connection_id: str) -> Any:
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # type: ignore[import-not-found]
    except ImportError:
        raise ConnectionNotFound(
            f"connection {connection_id!r} needs Airflow's Amazon provider to log in",
            remedy="Install apache-airflow-providers-amazon, or give a key and its secret as login and password",
        ) from None
    return AwsBaseHook(aws_conn_id=connection_id, client_type="s3").get_session()


async def _fetch(connection_id: str) -> Connection:
    try:
        return _with_security(from_airflow(await BaseHook.aget_connection(connection_id)))
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        raise _not_found(connection_id, error) from None


def _not_found(connection_id: str, error: Exception | None) -> Exception:
    if isinstance(error, AirflowRuntimeError) and "not_found" not in str(error).lower():
        return error
    return ConnectionNotFound(
        f"there is no connection {connection_id!r}", remedy="Make it in Airflow's UI: Admin, Connections"
    )
