"""From an Airflow connection of type ``google_cloud_platform`` to what goes with each request to Cloud Storage.

Airflow's own hook (``airflow.providers.google.common.hooks.base_google``) knows more ways to log in than are here;
where the connection carries what that hook gives (``Connection.native``), it is used. What needs ``google.auth``
imports it only then: public data and emulators need none of it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_datamove.errors import DatamoveError, PermissionDenied, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import Connection

_READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
_EVERYTHING = "https://www.googleapis.com/auth/cloud-platform"
# google.auth takes a token for expired 225 s before its end; here it is renewed before that.
_EARLY_SECONDS = 300.0
_LATEST_SECONDS = 30.0
_EXPLICIT = ("key_path", "key_secret_name", "keyfile_dict", "idp_issuer_url", "credential_config_file")
_REMEDY = "Give keyfile_dict or key_path in the extra, or is_anonymous for public data"


class Bearer:
    """The headers that say who asks, renewed before they expire, by one of all threads. Its ``repr`` shows none.

    :param credentials: of google.auth; ``None``: nobody in particular.
    """

    def __init__(self, connection_id: str, credentials: Any) -> None:
        self._id, self._credentials = connection_id, credentials
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] = {}
        self._until = float("inf") if credentials is None else 0.0

    def headers(self) -> Mapping[str, str]:
        """``authorization``, and the project that pays where the credentials name one.

        :raises PermissionDenied: if Google does not accept the credentials.
        :raises StoreUnavailable: if nobody answers who could give a token.
        """
        left = self._until - time.time()
        # While the old one is still good, one thread renews it and the others go on.
        if left < _EARLY_SECONDS and self._lock.acquire(blocking=left < _LATEST_SECONDS):
            try:
                if self._until - time.time() < _EARLY_SECONDS:
                    self._renew()
            finally:
                self._lock.release()
        return self._headers

    def refused(self, sent: Mapping[str, str]) -> bool:
        """Told that a server refuses the headers (401); True if there may be better ones."""
        if self._credentials is None or "authorization" not in sent:
            return False
        with self._lock:
            if self._headers.get("authorization") == sent["authorization"]:
                self._until = 0.0
                self._credentials.token = None
        return True

    def _renew(self) -> None:
        from google.auth import exceptions

        found = self._credentials
        try:
            if not found.valid or self._expiry() - time.time() < _EARLY_SECONDS:
                from google.auth.transport.requests import Request

                found.refresh(Request())
        except exceptions.TransportError:
            if self._expiry() - time.time() > _LATEST_SECONDS:
                return
            raise StoreUnavailable(f"connection {self._id!r} gets no token: nobody answers") from None
        except exceptions.GoogleAuthError as error:
            # Its text may quote what it was given.
            if getattr(error, "retryable", False):
                raise StoreUnavailable(f"connection {self._id!r} gets no token at the moment") from None
            raise PermissionDenied(
                f"Google does not accept the credential of connection {self._id!r}", remedy=_REMEDY
            ) from None
        headers: dict[str, str] = {}
        found.apply(headers)
        self._headers, self._until = {name.lower(): value for name, value in headers.items()}, self._expiry()

    def _expiry(self) -> float:
        """Seconds since the epoch; a token without an end has none."""
        expiry = getattr(self._credentials, "expiry", None)
        return expiry.replace(tzinfo=UTC).timestamp() if expiry is not None else float("inf")


@dataclass(frozen=True, slots=True)
class GoogleLogin:
    """How to reach Cloud Storage, and as whom."""

    connection_id: str
    endpoint: str
    """``https://host[:port]``."""
    bearer: Bearer = field(repr=False)
    project: str = ""
    """In which buckets are made; empty: not told."""
    location: str = ""
    """Where buckets are made; empty: where the service makes them by itself."""


def google_login(connection: Connection) -> GoogleLogin:
    """Reads a connection.

    In this order: extra ``is_anonymous``; what Airflow's own hook gives; extra ``key_path``; ``keyfile_dict`` (an
    object, or JSON text); ``credential_config_file`` (a path, an object, or JSON text); else the environment's default
    credentials. Then extra ``impersonation_chain``, ``quota_project_id``, ``scope`` (several by commas). Extra
    ``endpoint``, or the variable ``STORAGE_EMULATOR_HOST``, points to a server of its own, which is asked without
    credentials unless the connection names some. Extra ``project`` and ``location`` are for buckets that are made.

    :raises WrongUse: if the connection cannot be used.
    """
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    endpoint = str(connection.option("endpoint") or emulator or f"https://storage.{_universe()}").rstrip("/")
    endpoint = endpoint if "://" in endpoint else f"http://{endpoint}"
    nobody = emulator and endpoint.endswith(emulator.rstrip("/")) and not any(map(connection.option, _EXPLICIT))
    found, project = None, ""
    if not nobody and not _true(connection.option("is_anonymous")):
        found, project = _credentials(connection)
    if found is not None and endpoint.startswith("http://") and not _local(urlsplit(endpoint).hostname or ""):
        raise WrongUse(f"connection {connection.id!r} would send a token without TLS", remedy="Write https in endpoint")
    return GoogleLogin(
        connection.id,
        endpoint,
        Bearer(connection.id, found),
        str(connection.option("project") or project or ""),
        str(connection.option("location") or ""),
    )


def _credentials(connection: Connection) -> tuple[Any, str]:
    try:
        if connection.native is not None:
            found = connection.native()
            return found, str(getattr(found, "project_id", None) or "")
        return _written(connection)
    except DatamoveError:
        raise
    except Exception as error:  # google.auth's, Airflow's: their texts may quote the key
        raise WrongUse(
            f"connection {connection.id!r} cannot be used ({type(error).__name__})", remedy=_REMEDY
        ) from None


def _written(connection: Connection) -> tuple[Any, str]:
    import google.auth

    for name in ("key_secret_name", "idp_issuer_url"):
        if connection.option(name):
            raise WrongUse(f"connection {connection.id!r} has {name}, which only Airflow can use", remedy=_REMEDY)
    chain = connection.option("impersonation_chain") or []
    chain = [each.strip() for each in chain.split(",")] if isinstance(chain, str) else list(chain)
    scope = str(connection.option("scope") or "")
    scopes = [each.strip() for each in scope.split(",")] if scope else [_READ_WRITE]
    # Who borrows another's rights asks the service that lends them.
    own = [_EVERYTHING] if chain else scopes
    if (config := connection.option("key_path") or connection.option("keyfile_dict")) or (
        config := connection.option("credential_config_file")
    ):
        info = _object(config)
        if "private_key" in info:
            info["private_key"] = info["private_key"].replace("\\n", "\n")
        found, project = google.auth.load_credentials_from_dict(info, scopes=own)
    else:
        try:
            found, project = google.auth.default(scopes=own)
        except google.auth.exceptions.DefaultCredentialsError:
            raise WrongUse(
                f"connection {connection.id!r} gives no credential, and neither does the environment", remedy=_REMEDY
            ) from None
    if chain:
        from google.auth.impersonated_credentials import Credentials

        found = Credentials(
            source_credentials=found, target_principal=chain[-1], delegates=chain[:-1], target_scopes=scopes
        )
    if quota := connection.option("quota_project_id"):
        found = found.with_quota_project(str(quota))
    return found, str(project or "")


def _object(config: Any) -> dict[str, Any]:
    """A JSON object that is given as such, as text, or as the path of a file."""
    if isinstance(config, Mapping):
        return dict(config)
    text = str(config)
    found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _universe() -> str:
    return os.environ.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN") or "googleapis.com"


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
