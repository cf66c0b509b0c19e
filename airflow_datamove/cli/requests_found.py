"""Which requests a subcommand is for: ids, or words of a query."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_datamove.errors import WrongUse

_STATES = ("pending", "running", "done", "handled", "failed", "dead", "cancelled")


def add_query(parser: argparse._ActionsContainer) -> None:
    """Adds the words of a query."""
    parser.add_argument("--tenant", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--state", action="append", choices=_STATES, help="repeatable")
    parser.add_argument("--lane", action="append", choices=["urgent", "normal", "bulk"], help="repeatable")
    parser.add_argument("--client", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--source", metavar="TEXT", help="a piece of the source's address")
    parser.add_argument(
        "--destination", metavar="TEXT", help="a piece of the destination's; with a job, where its files are swept"
    )
    parser.add_argument("--priority-from", type=int, metavar="0..99", help="this priority or a higher one")


_WORDS = ("tenant", "state", "lane", "client", "source", "destination", "priority_from")


def query_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The words that were given."""
    return {name: getattr(arguments, name) for name in _WORDS if getattr(arguments, name) is not None}


def which_of(arguments: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """The ids or the query.

    :raises WrongUse: for neither, and for both.
    """
    query = query_of(arguments)
    if bool(arguments.ids) == bool(query):
        raise WrongUse("give ids or a query such as --tenant acme --state failed, and not both")
    return arguments.ids, query
