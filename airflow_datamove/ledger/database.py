"""The ledger's database: SQLite out of the box, PostgreSQL or MariaDB in earnest. :class:`Ledger` opens it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from airflow_datamove.errors import LedgerUnavailable, WrongUse
from airflow_datamove.ledger.clock import now_ms

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_WAIT = 20
"""For a lock; SQLite has one for the whole file."""
_KINDS = ("sqlite", "postgresql", "mysql", "mariadb")


class Ledger:
    """Opens transactions on the ledger.

    :param url: SQLAlchemy's form, such as ``postgresql+psycopg://user:password@host/ledger``.
    :param pooled: keep connections open between transactions; for a process that lives long.
    :raises WrongUse: if the URL is none, or of a database that is not known.
    """

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise WrongUse("the ledger's address is none that SQLAlchemy can read") from None
        if parsed.get_backend_name() not in _KINDS:
            raise WrongUse(
                f"the ledger cannot be kept in {parsed.get_backend_name()!r}", remedy=f"Use one of {', '.join(_KINDS)}"
            )
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.name = parsed.render_as_string(hide_password=True)
        """Where it is, without its password."""
        self.engine = create_engine(parsed, **_settings(parsed.get_backend_name(), pooled))
        if self.sqlite:
            _prepare_sqlite(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; it is committed at its end, and undone by an error.

        :raises LedgerUnavailable: if the database is away, hangs, or its tables are not there yet.
        """
        with self._told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads; see :meth:`begin`."""
        with self._told(), self.engine.connect() as connection:
            yield connection.execution_options(datamove_reads=True) if self.sqlite else connection

    def now(self) -> int:
        """The database's clock: milliseconds since 1970."""
        with self.look() as connection:
            return int(connection.scalar(select(now_ms())) or 0)

    def close(self) -> None:
        """Closes what is open."""
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if _lacks_tables(error):
                raise LedgerUnavailable(
                    f"the ledger at {self.name} lacks tables or columns", remedy=_MIGRATE
                ) from error
            if error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError)):
                raise LedgerUnavailable(f"the ledger at {self.name} does not answer: {_cause(error)}") from error
            raise


_MIGRATE = "Run datamove db upgrade"
_LACKING = re.compile(
    r"no such (table|column)|has no column"  # SQLite
    r"|(relation|column) \S+ does not exist"  # PostgreSQL
    r"|Table \S+ doesn't exist|Unknown column"  # MariaDB
)


def _cause(error: DBAPIError) -> str:
    """What the driver says, in one line and without what may stand in a DSN."""
    text = re.sub(r"(password|passwd|pwd)\s*=\s*\S+", r"\1=***", str(error.orig), flags=re.I)
    return " ".join(text.split())[:300]


def _lacks_tables(error: DBAPIError) -> bool:
    return bool(_LACKING.search(str(error.orig)))


def _settings(kind: str, pooled: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {} if pooled else {"poolclass": NullPool}
    if kind == "sqlite":
        return {**settings, "connect_args": {"timeout": _SECONDS_TO_WAIT, "check_same_thread": False}}
    if pooled:
        settings |= {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 16, "pool_recycle": 900}
    # READ COMMITTED: a pick must see what others have just taken, not what stood there at its own begin.
    return {**settings, "isolation_level": "READ COMMITTED", "connect_args": {"connect_timeout": _SECONDS_TO_CONNECT}}


def _prepare_sqlite(engine: Engine) -> None:
    """Write-ahead log, so that who reads waits for nobody; and the lock at the beginning of a transaction that writes:
    one that reads first and then wants to write fails at once with "database is locked"."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_SECONDS_TO_WAIT * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("datamove_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
