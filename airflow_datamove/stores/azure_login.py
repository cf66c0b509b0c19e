"""From an Airflow connection of type ``wasb``, ``adls`` or ``azure_blob`` to an account and what opens it.

What Airflow's own ``WasbHook`` (``airflow.providers.microsoft.azure.hooks.wasb``) reads is read here in its order.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_datamove.errors import ConnectionNotFound, WrongUse
from airflow_datamove.stores.azure_credential import Anonymous, Credential, Sas, SharedKey, Token
from airflow_datamove.stores.connection import Connection


@dataclass(frozen=True, slots=True)
class AzureAccount:
    """A storage account. Its ``repr`` shows no secret."""

    url: str
    """``https://host[:port]`` of the blob service."""
    path: str
    """What every path begins with: empty, or ``/<account>`` of an emulator."""
    name: str
    credential: Credential = field(repr=False)

    @property
    def local(self) -> bool:
        """It is on this machine: an emulator."""
        return _is_local(urlsplit(self.url).hostname or "")


def azure_account(connection: Connection) -> AzureAccount:
    """The account of a connection.

    What is written in the connection is taken from there, in this order: extra ``connection_string``; extra
    ``tenant_id`` with login and password as a client's id and secret (extra ``client_secret_auth_config``: more for
    that); extra ``public_read``; extra ``shared_access_key``; extra ``sas_token``, which may be a whole URL; the
    password, or extra ``account_key``, as the account's key or a SAS; else what the environment gives
    (``DefaultAzureCredential`` with ``managed_identity_client_id`` and ``workload_identity_tenant_id``). Where that
    asks for a token and the connection can make a ``BlobServiceClient`` (``native``), that one's credential is
    taken: importing the SDK costs a second, so not for a key. The account is the host, a URL or a name, else the
    login.

    :raises WrongUse: if the connection names no account, or carries something that is no credential.
    """
    try:
        if connection.native is not None and _needs_token(connection):
            account = _native(connection.native())
        else:
            account = _written(connection)
    except (ConnectionNotFound, ImportError):
        raise
    except Exception:
        # The cause, of the hook or of a library, may quote what it was given, and that is a secret.
        raise _unusable(connection) from None
    if isinstance(account.credential, Token) and account.url.startswith("http://") and not account.local:
        raise WrongUse(f"connection {connection.id!r} would send a token without TLS", remedy="Write https in its host")
    return account


def _needs_token(connection: Connection) -> bool:
    """True if nothing in the connection is a key or a SAS by itself."""
    if connection.option("connection_string") or connection.option("public_read") is True:
        return False
    if connection.option("tenant_id"):
        return True
    return not (
        connection.password
        or any(connection.option(name) for name in ("shared_access_key", "sas_token", "account_key"))
    )


def _unusable(connection: Connection) -> WrongUse:
    return WrongUse(
        f"connection {connection.id!r} cannot be used: it names no account, or carries no credential that can be read",
        remedy="Give a connection_string in the extra, or login and password as account and key",
    )


def _native(client: Any) -> AzureAccount:
    """What a ``BlobServiceClient`` was made of."""
    url, credential = str(client.url), client.credential
    query = urlsplit(url).query
    if hasattr(credential, "account_key"):
        found: Credential = SharedKey(credential.account_name, credential.account_key)
    elif hasattr(credential, "signature"):
        found = Sas(lambda: str(credential.signature))
    elif hasattr(credential, "get_token"):
        found = Token(credential)
    elif query:
        found = Sas(lambda: query)
    else:
        found = Anonymous()
    return _account(url, found, getattr(client, "account_name", None) or "")


def _written(connection: Connection) -> AzureAccount:
    if text := connection.option("connection_string"):
        return _of_connection_string(str(text))
    if tenant := connection.option("tenant_id"):
        more = connection.option("client_secret_auth_config") or {}
        return _account(_address(connection), _client_secret(str(tenant), connection, dict(more)))
    sas = str(connection.option("sas_token", ""))
    if connection.option("public_read") is True:
        return _account(_address(connection), Anonymous())
    key = str(connection.option("shared_access_key", ""))
    if not key and sas.startswith("https://"):
        return _account(sas, Sas(lambda: urlsplit(sas).query))
    url = _address(connection)
    if not key and not sas:
        key = connection.password or str(connection.option("account_key", ""))
        if "sig" in parse_qs(key.lstrip("?")):
            sas, key = key, ""
    if key:
        account = connection.login or _account_name(url)
        return _account(url, SharedKey(account, key), account)
    if sas:
        return _account(url, Sas(lambda: sas))
    return _account(url, _from_environment(connection))


def _of_connection_string(text: str) -> AzureAccount:
    """See "Configure Azure Storage connection strings" of the vendor."""
    pairs = (pair.partition("=") for pair in text.strip().rstrip(";").split(";") if pair)
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    name, endpoint = parts.get("accountname", ""), parts.get("blobendpoint", "")
    if not endpoint:
        if not name:
            raise WrongUse("a connection string without an account")
        suffix = parts.get("endpointsuffix", "core.windows.net")
        endpoint = f"{parts.get('defaultendpointsprotocol', 'https')}://{name}.blob.{suffix}"
    sas = parts.get("sharedaccesssignature", "")
    if key := parts.get("accountkey"):
        account = name or _account_name(endpoint)
        return _account(endpoint, SharedKey(account, key), account)
    return _account(endpoint, Sas(lambda: sas) if sas else Anonymous(), name)


def _address(connection: Connection) -> str:
    """As the hook's ``parse_blob_account_url``, but for emulators too."""
    host = connection.host or connection.login
    if not host:
        raise WrongUse("no account")
    scheme, found, rest = host.rpartition("://")
    name, slash, path = rest.partition("/")
    bare = name.partition(":")[0]
    if "." not in bare and bare != "localhost" and not name.startswith("["):
        # An Active Directory id, or an account's name.
        name = f"{connection.login or bare}.blob.core.windows.net"
    if connection.port and name == bare:
        name = f"{name}:{connection.port}"
    return f"{scheme if found else 'https'}://{name}{slash}{path}"


def _account(url: str, credential: Credential, name: str = "") -> AzureAccount:
    parts = urlsplit(url)
    # Asking for the port is what finds a bad one.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise WrongUse("no URL")
    # A hierarchical account's other endpoint speaks another language.
    netloc = parts.netloc.rpartition("@")[2].replace(".dfs.", ".blob.", 1)
    return AzureAccount(f"{parts.scheme}://{netloc}", parts.path.rstrip("/"), name or _account_name(url), credential)


def _account_name(url: str) -> str:
    """An emulator has it in the path, the service in the host: ``acme.blob.core.windows.net``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    first = parts.path.strip("/").partition("/")[0]
    return first if first and (_is_local(host) or _is_number(host)) else host.partition(".")[0]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or (_is_number(host) and ipaddress.ip_address(host).is_loopback)
    )


def _client_secret(tenant: str, connection: Connection, more: dict[str, Any]) -> Token:
    from azure.identity import ClientSecretCredential

    return Token(ClientSecretCredential(tenant, connection.login, connection.password, **more))


def _from_environment(connection: Connection) -> Token:
    client, tenant = connection.option("managed_identity_client_id"), connection.option("workload_identity_tenant_id")

    def make() -> Any:
        from azure.identity import DefaultAzureCredential

        settings: dict[str, Any] = {"managed_identity_client_id": str(client)} if client else {}
        if client and tenant:
            settings["workload_identity_tenant_id"] = str(tenant)
            settings["additionally_allowed_tenants"] = [str(tenant)]
        return DefaultAzureCredential(**settings)

    return Token(make)
