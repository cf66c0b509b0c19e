"""The ledger's tables. Times are milliseconds since 1970, by the database's clock."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.dialects.mysql import LONGTEXT

PENDING, RUNNING = "pending", "running"
DONE, HANDLED, FAILED, DEAD, CANCELLED = "done", "handled", "failed", "dead", "cancelled"
STATES = (PENDING, RUNNING, DONE, HANDLED, FAILED, DEAD, CANCELLED)
"""The life of a request. ``handled`` has ended within its error budget; ``dead`` was with several workers that died."""
OPEN = (PENDING, RUNNING)

metadata = MetaData()
_LONG = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
_LEASE = String(400)

request = Table(
    "datamove_request",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7: sorts by the time of submission"),
    Column("tenant", String(63), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("state", String(10), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("due", BigInteger, nullable=False, comment="the order of the pick: submitted_at less priority x step"),
    Column("not_before", BigInteger, nullable=False, default=0, comment="a retry's back-off"),
    Column("client", String(120), nullable=False, default=""),
    Column("source", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("target", String(64), nullable=False, comment="hash of the destination"),
    Column("twin", String(64), comment="hash of what is to be done, while it is pending and may be joined"),
    Column("writing", String(64), comment="the target, while it runs: nobody else may write there"),
    Column("conf", _LONG, nullable=False, comment="the request as JSON"),
    Column("idempotency_key", String(200)),
    Column("submitted_by", String(200), nullable=False, default=""),
    Column("submitted_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("run_id", String(250)),
    Column("lease", _LEASE, comment="who works on it: dag/run/task/map index/try"),
    Column("tries", Integer, nullable=False, default=0),
    Column("deaths", Integer, nullable=False, default=0, comment="tries whose worker died"),
    Column("generation", Integer, nullable=False, default=0, comment="how often a person had it done anew"),
    Column("job", String(400), comment="connection and tag of its DistCp job, if it has one"),
    Column("cancelling", Boolean, nullable=False, default=False),
    Column("native", Boolean, nullable=False, default=False, comment="posted to Airflow itself, and recorded here"),
    Column("joined", Integer, nullable=False, default=0, comment="how often it was submitted again while pending"),
    Column("size", BigInteger, comment="bytes of the source, where somebody knows"),
    Column("route", String(12), nullable=False, default=""),
    Column("bytes", BigInteger, nullable=False, default=0, comment="moved so far, or in the end"),
    Column("report", _LONG, comment="the TransferReport as JSON, or the progress while it runs"),
    Column("error", Text),
    Column("warning", Text, comment="what a person should know of it while it is open: it will be late"),
    UniqueConstraint("tenant", "idempotency_key", name="datamove_request_idempotency"),
    UniqueConstraint("twin", name="datamove_request_twin"),
    UniqueConstraint("writing", name="datamove_request_writing"),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
# What is pending alone stands in the index of the pick, where a database can do that.
Index("datamove_request_pick",
    request.c.state, request.c.tenant, request.c.lane, request.c.due, request.c.id,
    postgresql_where=request.c.state == PENDING,
    sqlite_where=request.c.state == PENDING,
)  # fmt: skip
Index("datamove_request_lease", request.c.lease, postgresql_where=request.c.state == RUNNING)
Index("datamove_request_run", request.c.run_id)
Index("datamove_request_tenant", request.c.tenant, request.c.state, request.c.id)
Index("datamove_request_client", request.c.client, request.c.state, request.c.id)
Index("datamove_request_state", request.c.state, request.c.id)

# Written out, not bound: a database looks into a partial index only if it sees that the condition is the index's.
IS_PENDING = request.c.state == literal_column(f"'{PENDING}'")
IS_RUNNING = request.c.state == literal_column(f"'{RUNNING}'")

lease = Table(
    "datamove_lease",
    metadata,
    Column("lease", _LEASE, primary_key=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("handed", Boolean, nullable=False, default=False, comment="no process beats for it: ends with its run"),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
Index("datamove_lease_beat", lease.c.beat_at)
Index("datamove_lease_run", lease.c.run_id)

lane = Table(
    "datamove_lane",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("lane", String(8), primary_key=True),
    comment="a row to lock while a run is asked for",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)

run = Table(
    "datamove_run",
    metadata,
    Column("run_id", String(250), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("lingers", Boolean, nullable=False, default=False, comment="has worked, and waits for more"),
    comment="runs that were asked for and have not begun to lease",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
Index("datamove_run_lane", run.c.tenant, run.c.lane)

transfer = Table(
    "datamove_transfer",
    metadata,
    Column("id", String(36), primary_key=True, comment="the same for all tries of a task"),
    Column("link", String(63), nullable=False),
    Column("tenant", String(63), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("share", Integer, nullable=False),
    Column("static", BigInteger, nullable=False, comment="bytes/s that its slots stand for"),
    Column("demand", BigInteger, nullable=False, comment="bytes/s that it could use"),
    Column("rate", BigInteger, nullable=False, comment="bytes/s that are reserved for it"),
    Column("aim", BigInteger, nullable=False, comment="bytes/s that it is slowing down to"),
    Column("fixed", Boolean, nullable=False, default=False, comment="a DistCp job: its rate was given at its start"),
    Column("holder", String(32), nullable=False, comment="the process that has it"),
    Column("dag_id", String(250), nullable=False, default=""),
    Column("run_id", String(250), nullable=False, default=""),
    Column("task_id", String(250), nullable=False, default=""),
    Column("map_index", Integer, nullable=False, default=-1),
    Column("beat_at", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
Index("datamove_transfer_link", transfer.c.link, transfer.c.beat_at)

link = Table(
    "datamove_link",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("resumed_at", BigInteger, nullable=False, default=0, comment="the ledger was away, or its clock jumped"),
    comment="a row to lock while rates are reserved",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
