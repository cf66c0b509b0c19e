"""``datamove retry ID...``, or a query: puts requests that failed, are dead or were cancelled back into the queue."""

from __future__ import annotations

import argparse
import sys

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.requests_found import add_query, which_of
from airflow_datamove.client import Requests


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("retry", help=text, description=f"By id, or all that a query finds. {LOGIN}")
    parser.add_argument("ids", nargs="*", metavar="ID", help="of requests")
    add_query(parser)
    add_api(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    ids, query = which_of(arguments)
    requests = Requests(log_in(arguments))
    changed = 0
    while True:
        answer = requests.retry(*ids, **query)
        changed += answer["changed"]
        if not answer["left"]:
            break
    sys.stdout.write(f"put {changed} back into the queue\n")
    return 0 if changed else 1
