"""``datamove wait ID...``: waits until requests have ended."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.request import quantity
from airflow_datamove.cli.requests_shown import ended_well, show, wait_and_show
from airflow_datamove.client import Requests
from airflow_datamove.quantity import parse_duration


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "wait", help=text, description=f"Ends with 0 if all ended well, and with 1 otherwise. {LOGIN}"
    )
    parser.add_argument("ids", nargs="+", metavar="ID", help="of requests")
    parser.add_argument("--timeout", type=quantity(parse_duration), metavar="TIME", help="such as 30m; then 1")
    parser.add_argument("--json", action="store_true", help="all that is known, as JSON lines")
    add_api(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    found = wait_and_show(Requests(log_in(arguments)), arguments.ids, seconds=arguments.timeout)
    if arguments.json:
        sys.stdout.writelines(f"{json.dumps(each)}\n" for each in found)
    else:
        show(found)
    return 0 if len(found) == len(arguments.ids) and ended_well(found) else 1
