"""``datamove sweep ADDRESS``: removes what copies that nobody goes on with have left behind."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_datamove.cli.request import quantity, read_address
from airflow_datamove.quantity import counted, format_size, parse_duration
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import check
from airflow_datamove.transfer.sweep import sweep


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "sweep",
        help=text,
        description="Parts of large files stay at the destination when a copy ends before they are published, so that "
        "the next try need not move them again. A week later nobody will.",
    )
    parser.add_argument("address", metavar="ADDRESS", help="a directory: it and all below it")
    parser.add_argument(
        "--older-than",
        type=quantity(parse_duration),
        default="7d",
        metavar="TIME",
        help="since their last change (7d)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    address = check(read_address(arguments.address))
    swept = sweep(address, EnvironmentConnections(), older_than=arguments.older_than, dry_run=arguments.dry_run)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(swept._asdict())}\n")
    else:
        done = "would be removed" if arguments.dry_run else "removed"
        younger = f"{swept.younger} {'is' if swept.younger == 1 else 'are'} younger"
        sys.stdout.write(f"{counted(swept.removed, 'leftover')} {done}, {format_size(swept.bytes)}; {younger}\n")
    return 0
