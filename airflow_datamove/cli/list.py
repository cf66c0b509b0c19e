"""``datamove list``: requests that fit a query, newest first."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.requests_found import add_query, query_of
from airflow_datamove.cli.requests_shown import show
from airflow_datamove.client import Requests


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("list", help=text, description=f"Newest first. {LOGIN}")
    add_query(parser)
    parser.add_argument("--most", type=int, default=50, metavar="N", help="how many at most (50)")
    parser.add_argument("--counts", action="store_true", help="how many there are in each state, instead")
    parser.add_argument("--json", action="store_true", help="all that is known, as JSON lines")
    add_api(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    requests, query = Requests(log_in(arguments)), query_of(arguments)
    if arguments.counts:
        counts = requests.counts(**query)
        lines = [json.dumps(counts)] if arguments.json else [f"{state}\t{many}" for state, many in counts.items()]
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return 0
    found = list(requests.search(most=arguments.most, **query))
    if arguments.json:
        sys.stdout.writelines(f"{json.dumps(each)}\n" for each in found)
    else:
        show(found)
    return 0
