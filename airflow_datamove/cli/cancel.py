"""``datamove cancel JOB --hadoop CONNECTION``: ends DistCp jobs on YARN, and sweeps what they leave behind."""

from __future__ import annotations

import argparse
import json
import re
import sys

from airflow_datamove.cli.request import read_address
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.distcp.options import check_tag
from airflow_datamove.stores.connection import EnvironmentConnections

_APPLICATION = re.compile(r"application_\d+_\d+")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "cancel",
        help=text,
        description="For a job of which no task knows any more. A task that waits for it tries again, and so starts "
        "another one: mark the task failed instead, which ends its job as well.",
    )
    parser.add_argument("job", metavar="JOB", help="application_..., or the tag of one or several")
    parser.add_argument("--hadoop", metavar="CONNECTION", required=True, help="connection of type hadoop")
    parser.add_argument(
        "--destination", metavar="ADDRESS", default="", help="where its temporary files are removed (default: nowhere)"
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    connections = EnvironmentConnections()
    destination = read_address(arguments.destination) if arguments.destination else None
    job = DistCpJob(connections.get(arguments.hadoop), connections)
    by_id = _APPLICATION.fullmatch(arguments.job) is not None
    if not by_id:
        check_tag(arguments.job)
    ended = job.cancel(*([arguments.job, ""] if by_id else ["", arguments.job]), destination=destination)
    if arguments.json:
        sys.stdout.write(f"{json.dumps({'killed': ended})}\n")
    else:
        sys.stdout.write(f"killed {', '.join(ended)}\n" if ended else "nothing runs that could be killed\n")
    return 0
