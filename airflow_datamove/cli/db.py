"""``datamove db upgrade|check|prune``: the database of requests."""

from __future__ import annotations

import argparse
import os
import sys

from airflow_datamove.errors import ConnectionNotFound
from airflow_datamove.ledger.database import Ledger
from airflow_datamove.ledger.prune import DAYS, prune
from airflow_datamove.ledger.upgrade import check, upgrade
from airflow_datamove.ledger.url import CONNECTION_ID, default_url, url_of
from airflow_datamove.stores.connection import EnvironmentConnections


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    variable = f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"
    parser = subparsers.add_parser(
        "db",
        help=text,
        description=f"The database is that of {variable}, or of DATAMOVE_LEDGER_URL (SQLAlchemy's form); without "
        "either the SQLite file in AIRFLOW_HOME.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("upgrade", help="make the tables, or bring them up to date").set_defaults(act=_upgrade)
    actions.add_parser("check", help="say what keeps it from working").set_defaults(act=_check)
    pruning = actions.add_parser("prune", help="forget requests that ended long ago")
    pruning.add_argument("--days", type=_days, default=DAYS, metavar="N", help=f"ended so long ago ({DAYS})")
    pruning.set_defaults(act=_prune)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    ledger = Ledger(_url(), pooled=False)
    code: int = arguments.act(ledger, arguments)
    return code


def _url() -> str:
    if url := os.environ.get("DATAMOVE_LEDGER_URL"):
        return url
    try:
        found = url_of(EnvironmentConnections().get(CONNECTION_ID))
    except ConnectionNotFound:
        found = default_url()
    return found.render_as_string(hide_password=False)


def _upgrade(ledger: Ledger, arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"{ledger.name}: version {upgrade(ledger)}\n")
    return 0


def _check(ledger: Ledger, arguments: argparse.Namespace) -> int:
    found = check(ledger)
    sys.stdout.write(f"{ledger.name}: {'; '.join(found) or 'all is well'}\n")
    return 1 if found else 0


def _prune(ledger: Ledger, arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"{ledger.name}: forgot {prune(ledger, days=arguments.days, most=sys.maxsize)} requests\n")
    return 0


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days
