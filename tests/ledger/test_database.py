from __future__ import annotations

import pytest
from sqlalchemy import text

from airflow_datamove.errors import LedgerUnavailable, WrongUse
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.search import Query, count
from airflow_datamove.ledger.tables import IS_PENDING, request
from airflow_datamove.ledger.upgrade import check, upgrade
from tests.ledger.queue import new, put


def test_a_new_database_says_what_is_missing_and_is_sound_once_upgraded(empty_file: str) -> None:
    ledger = Ledger(empty_file)
    assert check(ledger) == ["its tables have version none, not 0001: run datamove db upgrade"]
    with pytest.raises(LedgerUnavailable, match="datamove db upgrade"):
        count(ledger, Query())

    assert upgrade(ledger) == "0001"

    assert upgrade(ledger) == "0001"
    assert check(ledger) == []


def test_tables_are_what_the_code_thinks(ledger: Ledger) -> None:
    assert check(ledger) == []


def test_a_missing_table_is_told_with_its_remedy(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        connection.execute(text("ALTER TABLE datamove_request RENAME TO away"))
    try:
        with pytest.raises(LedgerUnavailable, match="datamove db upgrade"):
            count(ledger, Query())
    finally:
        with ledger.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO datamove_request"))


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://me:geheim@127.0.0.1:1/x", "mysql+pymysql://me:geheim@127.0.0.1:1/x"]
)
def test_a_database_that_is_away_is_told_without_its_password(url: str) -> None:
    with pytest.raises(LedgerUnavailable) as told:
        count(Ledger(url), Query())

    assert told.value.retryable
    assert "127.0.0.1:1" in str(told.value)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("url", ["no url at all", "mssql+pyodbc://x/y", ""])
def test_what_cannot_be_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(WrongUse):
        Ledger(url)


def test_the_pick_reads_its_own_index(ledger: Ledger) -> None:
    """With the order stored, a pick reads as many rows as it takes, however many are pending."""
    put(ledger, *(new(number) for number in range(2000)))
    pick = (
        request.select()
        .with_only_columns(request.c.id)
        .where(IS_PENDING, request.c.tenant == "acme", request.c.lane == "bulk")
        .order_by(request.c.due, request.c.id)
        .limit(5)
    )
    with ledger.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE datamove_request"))
        explain = "EXPLAIN QUERY PLAN " if ledger.sqlite else "EXPLAIN "
        statement = str(pick.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = str(connection.exec_driver_sql(explain + statement).all())

    assert "request_pick" in plan
    assert "Sort" not in plan
    assert "filesort" not in plan
    assert "TEMP B-TREE" not in plan
