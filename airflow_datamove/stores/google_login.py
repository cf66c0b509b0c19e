"""From an Airflow connection of type ``google_cloud_platform`` to a client of Cloud Storage."""

from __future__ import annotations

import json
from typing import Any

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_POOL = 64


def storage_client(connection: Connection) -> Any:
    """A ``google.cloud.storage.Client``.

    In this order: extra ``is_anonymous``; extra ``keyfile_dict`` (an object, or JSON text); extra ``key_path``; else
    the environment's default credentials. Extra ``endpoint``, or the variable ``STORAGE_EMULATOR_HOST``, points to a
    server of its own.

    :raises WrongUse: if the connection cannot be used.
    """
    from google.cloud import storage
    from requests.adapters import HTTPAdapter

    endpoint = connection.option("endpoint")
    try:
        client = storage.Client(
            project=str(connection.option("project", "")) or "none",
            credentials=_credentials(connection),
            client_options={"api_endpoint": str(endpoint)} if endpoint else None,
        )
    except (ValueError, TypeError, AttributeError, KeyError, OSError):
        # The cause may quote the key.
        raise WrongUse(
            f"connection {connection.id!r} cannot be used",
            remedy="Give keyfile_dict or key_path in the extra, or is_anonymous for public data",
        ) from None
    session = client._http  # the SDK has no other way to widen its pool of ten connections
    for prefix in ("https://", "http://"):
        session.mount(prefix, HTTPAdapter(pool_maxsize=_POOL))
    return client


def _credentials(connection: Connection) -> Any:
    import google.auth
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.oauth2 import service_account

    if str(connection.option("is_anonymous", "")).lower() in ("true", "1"):
        return AnonymousCredentials()
    if keyfile := connection.option("keyfile_dict"):
        info = json.loads(keyfile) if isinstance(keyfile, str) else dict(keyfile)
        return service_account.Credentials.from_service_account_info(info, scopes=[_SCOPE])
    if path := connection.option("key_path"):
        return service_account.Credentials.from_service_account_file(str(path), scopes=[_SCOPE])
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError:
        raise WrongUse(
            f"connection {connection.id!r} gives no credential, and neither does the environment",
            remedy="Give keyfile_dict or key_path in the extra",
        ) from None
    return credentials
