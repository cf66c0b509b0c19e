"""``datamove status ID...``: how requests are."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.requests_shown import show
from airflow_datamove.client import Requests


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("status", help=text, description=f"State, place, progress or report. {LOGIN}")
    parser.add_argument("ids", nargs="+", metavar="ID", help="of requests")
    parser.add_argument("--json", action="store_true", help="all that is known, as JSON lines")
    add_api(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    requests = Requests(log_in(arguments))
    found = [requests.get(id) for id in arguments.ids]
    if arguments.json:
        sys.stdout.writelines(f"{json.dumps(each)}\n" for each in found)
    else:
        show(found)
    return 0
