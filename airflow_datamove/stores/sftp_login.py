"""From an Airflow connection of type ``sftp`` or ``ssh`` to an SSH connection.

The fields are those of Airflow's SSH provider:
https://airflow.apache.org/docs/apache-airflow-providers-ssh/stable/connections/ssh.html
"""

from __future__ import annotations

import base64
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_datamove.errors import DatamoveError, PermissionDenied, StoreUnavailable, WrongUse
from airflow_datamove.stores.connection import Connection

if TYPE_CHECKING:
    from paramiko import PKey, SSHClient

_PORT = 22
_CONNECT_SECONDS = 10.0
_ALIVE_SECONDS = 30
_QUICK = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


def connect(connection: Connection) -> SSHClient:
    """Logs in.

    Extra ``key_file``, ``private_key`` (its text), ``private_key_passphrase`` (else the password opens the key);
    ``look_for_keys``: those of ``~/.ssh`` and of the agent, by default where neither a key nor a password is given;
    ``timeout`` (seconds), ``compress``, ``disabled_algorithms``. Who the server must be say ``host_key`` and
    ``~/.ssh/known_hosts``. A server that neither names is refused unless ``no_host_key_check`` is true, and one that
    has another key than the file names unless ``allow_host_key_change`` is; ``host_key`` always holds.

    :raises WrongUse: if the connection cannot be used.
    :raises PermissionDenied: if the server is another, or does not let it in.
    :raises StoreUnavailable: if it cannot be reached.
    """
    import paramiko

    client = paramiko.SSHClient()
    port = connection.port or _PORT
    _trust(client, connection, f"[{connection.host}]:{port}" if port != _PORT else connection.host)
    key = _key(connection)
    alone = key is None and not connection.password
    timeout = _seconds(connection)
    try:
        client.connect(
            connection.host,
            port,
            username=connection.login or None,
            password=connection.password or None,
            pkey=key,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            allow_agent=_flag(connection, "look_for_keys", alone),
            look_for_keys=_flag(connection, "look_for_keys", alone),
            compress=_flag(connection, "compress", False),
            disabled_algorithms=connection.option("disabled_algorithms"),
            transport_factory=_transport,
        )
    except Exception as error:
        client.close()
        raise _refusal(connection, port, error) from None
    transport = client.get_transport()
    assert transport is not None
    transport.set_keepalive(_ALIVE_SECONDS)
    return client


def _refusal(connection: Connection, port: int, error: Exception) -> DatamoveError:
    """Our words: paramiko's may quote what the connection holds."""
    import paramiko

    where = f"SFTP at {connection.host}:{port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return PermissionDenied(
            f"{where} shows another host key than is known", remedy="Find out why; then change host_key or known_hosts"
        )
    if isinstance(error, _Unknown):
        return PermissionDenied(
            f"{where} shows a host key that nothing names",
            remedy="Give host_key in the connection's extra, or no_host_key_check if anybody may answer there",
        )
    if isinstance(error, (paramiko.AuthenticationException, paramiko.PasswordRequiredException)):
        return PermissionDenied(f"{where} does not let this connection in", remedy="Look at its login, password, key")
    if isinstance(error, (OSError, paramiko.SSHException, EOFError)):
        return StoreUnavailable(
            f"{where} cannot be reached ({type(error).__name__})",
            remedy="Look whether it runs, and at the connection's host and port",
        )
    return WrongUse(f"connection {connection.id!r} cannot be used ({type(error).__name__})")


class _Unknown(Exception):
    """Nothing names the server's key."""


def _refuse(client: Any, hostname: str, key: Any) -> None:
    raise _Unknown


def _accept(client: Any, hostname: str, key: Any) -> None:
    return


def _trust(client: SSHClient, connection: Connection, name: str) -> None:
    import paramiko

    known, trusting = paramiko.HostKeys(), _flag(connection, "no_host_key_check", False)
    with suppress(OSError, paramiko.SSHException):
        known.load(os.path.expanduser("~/.ssh/known_hosts"))
    found = known.lookup(name)
    if found is not None and _flag(connection, "allow_host_key_change", False):
        trusting = True
    elif found is not None:
        for kind, key in found.items():
            client.get_host_keys().add(name, kind, key)
    if text := str(connection.option("host_key", "")).strip():
        # A key alone is one of RSA, as Airflow has it; after type and key a comment may follow.
        kind, data = text.split()[:2] if " " in text else ("ssh-rsa", text)
        try:
            key = paramiko.PKey.from_type_string(kind, base64.b64decode(data))
        except Exception:  # of base64, or of the kinds of keys, each of which has errors of its own
            raise WrongUse(
                f"connection {connection.id!r}: its host_key cannot be read", remedy="Write ssh-ed25519 AAAA..."
            ) from None
        # What the connection says goes before what the machine knows, and holds whatever else is allowed.
        client.get_host_keys().clear()
        client.get_host_keys().add(name, key.get_name(), key)
        trusting = False
    policy = paramiko.MissingHostKeyPolicy()
    policy.missing_host_key = _accept if trusting else _refuse  # type: ignore[method-assign]
    client.set_missing_host_key_policy(policy)


def _key(connection: Connection) -> PKey | None:
    import paramiko

    path, text = connection.option("key_file"), connection.option("private_key")
    if not path and not text:
        return None
    passphrase = connection.option("private_key_passphrase") or connection.password or None
    if path:
        try:
            with open(os.path.expanduser(str(path)), encoding="ascii") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError):
            raise WrongUse(f"connection {connection.id!r}: its key_file cannot be read") from None
    for kind in (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey):
        try:
            return kind.from_private_key(io.StringIO(str(text)), passphrase and str(passphrase))
        except Exception:  # of another kind, or no key: each kind of paramiko's has errors of its own
            continue
    raise WrongUse(
        f"connection {connection.id!r}: its private key cannot be read",
        remedy="Give key_file or private_key, and private_key_passphrase if it has one",
    )


def _transport(*given: Any, **more: Any) -> Any:
    """A transport that would rather have the ciphers that are done in one go with their checksum."""
    import paramiko

    transport = paramiko.Transport(*given, **more)
    options = transport.get_security_options()
    quick = tuple(each for each in _QUICK if each in options.ciphers)
    options.ciphers = quick + tuple(each for each in options.ciphers if each not in quick)
    return transport


def _seconds(connection: Connection) -> float:
    try:
        return float(connection.option("timeout") or connection.option("conn_timeout") or _CONNECT_SECONDS)
    except ValueError:
        raise WrongUse(f"connection {connection.id!r}: its timeout is no number of seconds") from None


def _flag(connection: Connection, name: str, default: bool) -> bool:
    value = connection.option(name)
    return default if value is None else str(value).lower() in ("true", "1")
