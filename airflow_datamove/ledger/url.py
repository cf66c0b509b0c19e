"""An Airflow connection as the address of the ledger: :func:`url_of`."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL

from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection

CONNECTION_ID = "datamove_ledger"
"""The connection that is asked for unless another is configured."""
_FILE = "datamove-ledger.db"
_DRIVERS = {"postgres": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
_QUERY = {"postgres": ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"), "mysql": ("ssl_ca",)}


def url_of(connection: Connection) -> URL:
    """SQLAlchemy's URL of a connection.

    :raises WrongUse: if it is of a type that cannot be a ledger.
    """
    driver = _DRIVERS.get(connection.type)
    if driver is None:
        raise WrongUse(
            f"connection {connection.id!r} is of type {connection.type!r} and cannot be the ledger",
            remedy=f"Use one of {', '.join(sorted(_DRIVERS))}",
        )
    if driver == "sqlite":
        return URL.create(driver, database=connection.host or connection.schema)
    return URL.create(
        driver,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={name: str(connection.extra[name]) for name in _QUERY[connection.type] if name in connection.extra},
    )


def default_url() -> URL:
    """An SQLite file in Airflow's home, for who has declared no connection: for one machine."""
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    return URL.create("sqlite", database=str(home / _FILE))
