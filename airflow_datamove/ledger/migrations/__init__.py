"""Alembic's environment of the ledger; ``datamove db upgrade`` runs it."""
