"""From an Airflow connection of type ``wasb``, ``adls`` or ``azure_blob`` to a client of the account."""

from __future__ import annotations

import logging
from typing import Any

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection

_CONNECT_SECONDS = 5
_READ_SECONDS = 60


def blob_service(connection: Connection) -> Any:
    """A ``BlobServiceClient``, with time-outs and few retries.

    In this order: extra ``connection_string``; extra ``sas_token``; extra ``tenant_id`` with login and password as a
    client's id and secret; the password, or extra ``shared_access_key``, as the account's key; else what the
    environment gives (``DefaultAzureCredential``). The account is the host if that is a URL, else the login.

    :raises WrongUse: if the connection names no account, or carries something that is no credential.
    """
    # The SDK logs two entries of a dozen lines for each request: ten thousand for five thousand small files.
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    from azure.storage.blob import BlobServiceClient, ExponentialRetry

    settings: dict[str, Any] = {
        "retry_policy": ExponentialRetry(initial_backoff=0, increment_base=1, retry_total=3, random_jitter_range=0),
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "max_single_get_size": 8 * 2**20,
        "max_chunk_get_size": 8 * 2**20,
    }
    try:
        if text := connection.option("connection_string"):
            return BlobServiceClient.from_connection_string(str(text), **settings)
        sas = str(connection.option("sas_token", ""))
        if sas.startswith("https://"):
            return BlobServiceClient(account_url=sas, **settings)
        url = _account_url(connection)
        return BlobServiceClient(account_url=url, credential=sas.lstrip("?") or _credential(connection), **settings)
    except (ValueError, TypeError, AttributeError):
        # The cause may quote what it was given, and that is a secret.
        raise WrongUse(
            f"connection {connection.id!r} cannot be used",
            remedy="Give a connection_string in the extra, or login and password as account and key",
        ) from None


def _account_url(connection: Connection) -> str:
    host = connection.host
    if host.startswith(("http://", "https://")):
        return f"{host}:{connection.port}" if connection.port else host
    account = host or connection.login
    if not account:
        raise WrongUse(f"connection {connection.id!r} names no account", remedy="Give the account as login or host")
    return f"https://{account}" if "." in account else f"https://{account}.blob.core.windows.net"


def _credential(connection: Connection) -> Any:
    if tenant := connection.option("tenant_id"):
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(str(tenant), connection.login, connection.password)
    if key := connection.option("shared_access_key") or connection.password:
        account = connection.login
        return {"account_name": account, "account_key": str(key)} if account else str(key)
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=connection.option("managed_identity_client_id"))
