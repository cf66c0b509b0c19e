from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.tables import metadata
from airflow_datamove.ledger.upgrade import upgrade
from tests.conftest import STATE
from tests.servers import start, stop

DATABASES = ("sqlite", "postgres", "mariadb")


@pytest.fixture(scope="session")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The address of an empty database of each kind."""
    postgres, mariadb = start("postgres", STATE), start("mariadb", STATE)
    yield {
        "sqlite": f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db",
        "postgres": _own_database(postgres["dsn"].replace("postgresql://", "postgresql+psycopg://")),
        "mariadb": _emptied(mariadb["url"]),
    }
    stop("mariadb", STATE)
    stop("postgres", STATE)


def _own_database(url: str) -> str:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS ledger WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE ledger"))
    engine.dispose()
    return f"{url.rpartition('/')[0]}/ledger"


def _emptied(url: str) -> str:
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE ledger"))
        connection.execute(text("CREATE DATABASE ledger CHARACTER SET utf8mb4"))
    engine.dispose()
    return url


@pytest.fixture(params=DATABASES)
def ledger(request: pytest.FixtureRequest, urls: dict[str, str]) -> Iterator[Ledger]:
    """An empty ledger, on each database in turn."""
    opened = Ledger(urls[request.param])
    upgrade(opened)
    with opened.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    yield opened
    opened.close()


@pytest.fixture
def empty_file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.db"
