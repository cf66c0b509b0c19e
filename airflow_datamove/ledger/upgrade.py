"""Makes the ledger's tables and brings them up to date, by Alembic."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import metadata

VERSION_TABLE = "datamove_version"


def upgrade(ledger: Ledger) -> str:
    """Brings the tables up to date; does nothing where they are.

    :return: the version that they have then.
    """
    with as_file(files("airflow_datamove.ledger") / "migrations") as folder:
        config = _config(str(folder))
        with ledger.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236417)")  # two that upgrade at once
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return _version(connection)


def check(ledger: Ledger) -> list[str]:
    """What keeps the ledger from working; empty if nothing does.

    :raises LedgerUnavailable: if its database does not answer.
    """
    with as_file(files("airflow_datamove.ledger") / "migrations") as folder:
        newest = ScriptDirectory.from_config(_config(str(folder))).get_current_head()
    with ledger.look() as connection:
        version = _version(connection)
        if version != newest:
            return [f"its tables have version {version or 'none'}, not {newest}: run datamove db upgrade"]
        # The ledger may stand beside other tables in one database.
        options = {"version_table": VERSION_TABLE, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return [
            f"its tables differ from what they should be: {each[0]}" for each in compare_metadata(context, metadata)
        ]


def _config(folder: str) -> Config:
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _version(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name in metadata.tables
