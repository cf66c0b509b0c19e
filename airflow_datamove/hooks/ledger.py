"""The ledger, by an Airflow connection; without one it is an SQLite file in Airflow's home."""

from __future__ import annotations

import asyncio
import os
import threading

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from sqlalchemy import URL

from airflow_datamove.hooks.connections import from_airflow
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.upgrade import upgrade
from airflow_datamove.ledger.url import CONNECTION_ID, default_url, url_of

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
    default_conn_name = CONNECTION_ID

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
        return _open(url_of(from_airflow(found)), own=False)

    async def aget_conn(self) -> Ledger:
        """The same, in a trigger's event loop."""
        try:
            found = await BaseHook.aget_connection(self.ledger_conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            return await asyncio.to_thread(_default_ledger, error)
        return await asyncio.to_thread(_open, url_of(from_airflow(found)), own=False)


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
