"""The ledger, by an Airflow connection; without one it is an SQLite file in Airflow's home."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from sqlalchemy import URL

from airflow_datamove.errors import WrongUse
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.upgrade import upgrade

_FILE = "datamove-ledger.db"
_DRIVERS = {"postgres": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
_QUERY = {
    "postgresql+psycopg": ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"),
    "mysql+pymysql": (),
}

_opened: dict[tuple[int, str], Ledger] = {}
_lock = threading.Lock()


class LedgerHook(BaseHook):
    """The database of requests.

    :param ledger_conn_id: connection of type ``postgres``, ``mysql`` or ``sqlite``; by default that of ``[datamove]
        ledger_conn_id``.
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "datamove_ledger"

    def __init__(self, ledger_conn_id: str = "") -> None:
        super().__init__()
        self.ledger_conn_id = ledger_conn_id or conf.get("datamove", "ledger_conn_id", fallback=self.default_conn_name)

    def get_conn(self) -> Ledger:
        """The ledger, opened once in a process. Where no connection is declared its tables are made, too.

        :raises WrongUse: if the connection is of another type.
        """
        try:
            found = BaseHook.get_connection(self.ledger_conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            return _default_ledger(error)
        return _open(url_of(found), own=False)

    async def aget_conn(self) -> Ledger:
        """The same, in a trigger's event loop."""
        try:
            found = await BaseHook.aget_connection(self.ledger_conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            return await asyncio.to_thread(_default_ledger, error)
        return await asyncio.to_thread(_open, url_of(found), own=False)


def _default_ledger(error: Exception) -> Ledger:
    """Where Airflow has no connection: the file; any other trouble with the connection is one."""
    if isinstance(error, AirflowRuntimeError) and "not_found" not in str(error).lower():
        raise error
    return _open(default_url(), own=True)


def _open(url: URL, *, own: bool) -> Ledger:
    key = (os.getpid(), url.render_as_string(hide_password=False))
    with _lock:
        if key not in _opened:
            ledger = Ledger(key[1])
            if own:
                upgrade(ledger)
            _opened[key] = ledger
        return _opened[key]


def default_url() -> URL:
    """An SQLite file beside Airflow's own: for one machine."""
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    return URL.create("sqlite", database=str(home / _FILE))


def url_of(connection: Any) -> URL:
    """An Airflow connection as SQLAlchemy's URL.

    :raises WrongUse: if it is of a type that cannot be a ledger.
    """
    driver = _DRIVERS.get(connection.conn_type)
    if driver is None:
        raise WrongUse(
            f"connection {connection.conn_id!r} is of type {connection.conn_type!r} and cannot be the ledger",
            remedy=f"Use one of {', '.join(sorted(_DRIVERS))}",
        )
    if driver == "sqlite":
        return URL.create(driver, database=connection.host or connection.schema)
    extra = connection.extra_dejson
    return URL.create(
        driver,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={name: str(extra[name]) for name in _QUERY[driver] if name in extra},
    )
