"""From an Airflow connection of type ``aws`` to credentials, a region and an endpoint.

Keys of one's own need no SDK. Everything else (a role, a profile, the machine's own credentials) is botocore's, which
also renews what expires. The fields are those of Airflow's Amazon provider:
https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/connections/aws.html
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_datamove.errors import ConnectionNotFound, DatamoveError, PermissionDenied, WrongUse
from airflow_datamove.stores.certificates import tls_of
from airflow_datamove.stores.connection import Connection
from airflow_datamove.stores.sigv4 import Credentials

_REMEDY = "Give login and password, role_arn or profile_name in the connection, or anonymous for public data"


@dataclass(frozen=True, slots=True)
class AwsLogin:
    """How to reach S3, and as whom."""

    connection_id: str
    credentials: Callable[[], Credentials] | None
    """Asked for each request, because some expire; ``None``: nobody in particular."""
    region: str = ""
    """Empty: not told."""
    endpoint: str = ""
    """A URL; empty: Amazon's own."""
    tls: ssl.SSLContext | None = None


def aws_login(connection: Connection) -> AwsLogin:
    """Reads a connection.

    In this order: extra ``anonymous`` (or ``signature_version: unsigned``, or that in ``config_kwargs``); login and
    password (extra ``aws_access_key_id`` and ``aws_secret_access_key``) with extra ``aws_session_token``; what
    Airflow's own hook gives (``Connection.native``); extra ``profile_name``; else botocore's default chain. A
    ``role_arn`` is assumed by Airflow's hook, or else here, with whatever of these there is. Extra ``region_name``;
    ``endpoint_url``, also that in ``service_config.s3``; ``verify``: a file of certificates, or false for none.

    :raises WrongUse: if the connection cannot be used.
    """
    session = _Session(connection)
    credentials = None if _anonymous(connection) else _credentials(connection, session)
    region = connection.option("region_name") or session.region()
    endpoint = _service(connection, "s3").get("endpoint_url") or connection.option("endpoint_url") or ""
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return AwsLogin(connection.id, credentials, str(region or ""), str(endpoint), tls_of(connection))


class _Session:
    """botocore's session, made when it is first needed: importing it takes longer than copying many a file."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._made: Any = None
        self.is_native = False
        """It is what Airflow's own hook gives."""

    def get(self) -> Any:
        if self._made is None:
            self._made = self._native()
            self.is_native = self._made is not None
        if self._made is None:
            import botocore.session

            profile = self._connection.option("profile_name")
            self._made = botocore.session.Session(profile=str(profile) if profile else None)
        return self._made

    def _native(self) -> Any:
        if self._connection.native is None:
            return None
        try:
            return self._connection.native()
        except ConnectionNotFound:  # Airflow's Amazon provider is not there
            return None

    def region(self) -> str:
        if self._made is None:
            return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        named = getattr(self._made, "region_name", None)  # boto3's way
        ask = getattr(self._made, "get_config_variable", None)  # botocore's
        return str(named or (ask("region") if ask else "") or "")


def _credentials(connection: Connection, session: _Session) -> Callable[[], Credentials]:
    key = connection.login or connection.option("aws_access_key_id")
    secret = connection.password or connection.option("aws_secret_access_key")
    token = str(connection.option("aws_session_token", ""))
    role = connection.option("role_arn")
    if key and secret and not role:
        fixed = Credentials(str(key), str(secret), token)
        return lambda: fixed
    try:
        found = session.get().get_credentials()
        if role and not session.is_native:
            from botocore.credentials import Credentials as Own

            if key and secret:
                found = Own(str(key), str(secret), token or None)
            if found is not None:
                found = _assumed(connection, session.get(), found, str(role))
    except ImportError:
        raise WrongUse(
            f"connection {connection.id!r} needs botocore to log in",
            remedy="Install airflow-datamove[s3], or give a key and its secret as login and password",
        ) from None
    except DatamoveError:
        raise
    except Exception as error:  # botocore's, boto3's, Airflow's: their texts may quote what the connection holds
        raise WrongUse(
            f"connection {connection.id!r} cannot be used ({type(error).__name__})", remedy=_REMEDY
        ) from None
    if found is None:
        raise WrongUse(
            f"connection {connection.id!r} gives no credential, and neither does the environment", remedy=_REMEDY
        )
    return partial(_frozen, connection.id, found)


def _frozen(connection_id: str, credentials: Any) -> Credentials:
    """What they are now; botocore renews them here when they are about to expire, once for all threads."""
    try:
        now = credentials.get_frozen_credentials()
    except Exception as error:  # the metadata server's, the token service's
        raise PermissionDenied(
            f"connection {connection_id!r} gets no credentials ({type(error).__name__})", remedy=_REMEDY
        ) from None
    return Credentials(now.access_key, now.secret_key, now.token or "")


def _assumed(connection: Connection, session: Any, source: Any, role: str) -> Any:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    method = connection.option("assume_role_method", "assume_role")
    if method != "assume_role":
        raise WrongUse(f"connection {connection.id!r} assumes its role by {method!r}", remedy="Use assume_role")
    more = {"RoleSessionName": "airflow-datamove", **_mapping(connection.option("assume_role_kwargs"))}
    if external := connection.option("external_id"):
        more["ExternalId"] = external
    where = _service(connection, "sts").get("endpoint_url")
    region = connection.option("region_name") or session.get_config_variable("region") or "us-east-1"
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(session.create_client, region_name=str(region), endpoint_url=where),
        source_credentials=source,
        role_arn=role,
        extra_args=more,
    )
    return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)


def _anonymous(connection: Connection) -> bool:
    signature = connection.option("signature_version") or _mapping(connection.option("config_kwargs")).get(
        "signature_version"
    )
    return signature == "unsigned" or str(connection.option("anonymous", "")).lower() in ("true", "1")


def _service(connection: Connection, name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(connection.option("service_config")).get(name))


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
