"""Requests, leases, runs, transfers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "datamove_lane",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "lane"),
        comment="a row to lock while a run is asked for",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "datamove_lease",
        sa.Column("lease", sa.String(length=400), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.Column("handed", sa.Boolean(), nullable=False, comment="no process beats for it: ends with its run"),
        sa.PrimaryKeyConstraint("lease"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("datamove_lease_beat", "datamove_lease", ["beat_at"], unique=False)
    op.create_index("datamove_lease_run", "datamove_lease", ["run_id"], unique=False)
    op.create_table(
        "datamove_link",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("resumed_at", sa.BigInteger(), nullable=False, comment="the ledger was away, or its clock jumped"),
        sa.PrimaryKeyConstraint("name"),
        comment="a row to lock while rates are reserved",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "datamove_request",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7: sorts by the time of submission"),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column(
            "due", sa.BigInteger(), nullable=False, comment="the order of the pick: submitted_at less priority x step"
        ),
        sa.Column("not_before", sa.BigInteger(), nullable=False, comment="a retry's back-off"),
        sa.Column("client", sa.String(length=120), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False, comment="hash of the destination"),
        sa.Column(
            "twin",
            sa.String(length=64),
            nullable=True,
            comment="hash of what is to be done, while it is pending and may be joined",
        ),
        sa.Column(
            "writing",
            sa.String(length=64),
            nullable=True,
            comment="the target, while it runs: nobody else may write there",
        ),
        sa.Column(
            "conf",
            sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=False,
            comment="the request as JSON",
        ),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("submitted_by", sa.String(length=200), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=True),
        sa.Column("lease", sa.String(length=400), nullable=True, comment="who works on it: dag/run/task/map index/try"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False, comment="tries whose worker died"),
        sa.Column("generation", sa.Integer(), nullable=False, comment="how often a person had it done anew"),
        sa.Column(
            "job", sa.String(length=400), nullable=True, comment="connection and tag of its DistCp job, if it has one"
        ),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("native", sa.Boolean(), nullable=False, comment="posted to Airflow itself, and recorded here"),
        sa.Column("joined", sa.Integer(), nullable=False, comment="how often it was submitted again while pending"),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="bytes of the source, where somebody knows"),
        sa.Column("route", sa.String(length=12), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="moved so far, or in the end"),
        sa.Column(
            "report",
            sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=True,
            comment="the TransferReport as JSON, or the progress while it runs",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "warning",
            sa.Text(),
            nullable=True,
            comment="what a person should know of it while it is open: it will be late",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="datamove_request_idempotency"),
        sa.UniqueConstraint("twin", name="datamove_request_twin"),
        sa.UniqueConstraint("writing", name="datamove_request_writing"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("datamove_request_client", "datamove_request", ["client", "state", "id"], unique=False)
    op.create_index(
        "datamove_request_lease",
        "datamove_request",
        ["lease"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "datamove_request_pick",
        "datamove_request",
        ["state", "tenant", "lane", "due", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index("datamove_request_run", "datamove_request", ["run_id"], unique=False)
    op.create_index("datamove_request_state", "datamove_request", ["state", "id"], unique=False)
    op.create_index("datamove_request_tenant", "datamove_request", ["tenant", "state", "id"], unique=False)
    op.create_table(
        "datamove_run",
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("lingers", sa.Boolean(), nullable=False, comment="has worked, and waits for more"),
        sa.PrimaryKeyConstraint("run_id"),
        comment="runs that were asked for and have not begun to lease",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("datamove_run_lane", "datamove_run", ["tenant", "lane"], unique=False)
    op.create_table(
        "datamove_transfer",
        sa.Column("id", sa.String(length=36), nullable=False, comment="the same for all tries of a task"),
        sa.Column("link", sa.String(length=63), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("static", sa.BigInteger(), nullable=False, comment="bytes/s that its slots stand for"),
        sa.Column("demand", sa.BigInteger(), nullable=False, comment="bytes/s that it could use"),
        sa.Column("rate", sa.BigInteger(), nullable=False, comment="bytes/s that are reserved for it"),
        sa.Column("aim", sa.BigInteger(), nullable=False, comment="bytes/s that it is slowing down to"),
        sa.Column("fixed", sa.Boolean(), nullable=False, comment="a DistCp job: its rate was given at its start"),
        sa.Column("holder", sa.String(length=32), nullable=False, comment="the process that has it"),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("datamove_transfer_link", "datamove_transfer", ["link", "beat_at"], unique=False)
