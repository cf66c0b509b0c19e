"""Called by Alembic: runs the migrations on the connection that :mod:`airflow_datamove.ledger.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from airflow_datamove.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="datamove_version",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
