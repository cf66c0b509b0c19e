"""Which certificates a connection believes."""

from __future__ import annotations

import ssl

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection


def tls_of(connection: Connection) -> ssl.SSLContext | None:
    """What the extra ``verify`` asks for, as Airflow's hooks read it: a file of certificates, or false for a server
    that nobody vouches for; ``None``: as usual.

    :raises WrongUse: if the file cannot be read.
    """
    verify = connection.extra.get("verify")
    if verify in (None, "", True) or str(verify).lower() == "true":
        return None
    if verify is False or str(verify).lower() == "false":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=str(verify))
    except OSError:
        raise WrongUse(f"connection {connection.id!r}: its certificates (verify) cannot be read") from None
