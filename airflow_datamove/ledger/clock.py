"""The database's own clock: workers' clocks differ and jump, and a lease that is misjudged is work done twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now_ms(FunctionElement[int]):  # noqa: N801 (written like the SQL function that it is)
    """Milliseconds since 1970, of the moment and not of the transaction's begin."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "postgresql")
def _postgres(element: Any, compiler: Any, **settings: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(now_ms, "sqlite")
def _sqlite(element: Any, compiler: Any, **settings: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "mysql")
@compiles(now_ms, "mariadb")
def _mysql(element: Any, compiler: Any, **settings: Any) -> str:
    # SYSDATE is the moment, NOW the statement's begin; UNIX_TIMESTAMP reads both in the session's time zone.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
