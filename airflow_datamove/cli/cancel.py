"""``datamove cancel ID...``: cancels requests; with ``--hadoop`` DistCp jobs of which no task knows any more."""

from __future__ import annotations

import argparse
import json
import re
import sys

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.request import read_address
from airflow_datamove.cli.requests_found import add_query, query_of, which_of
from airflow_datamove.client import Requests
from airflow_datamove.distcp.lifecycle import DistCpJob
from airflow_datamove.errors import DatamoveError, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections

_APPLICATION = re.compile(r"application_\d{1,19}_\d{1,9}")
_TAG = re.compile(r"datamove-[0-9a-f]{32}", re.IGNORECASE)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "cancel",
        help=text,
        description="Requests by id, or all that a query finds: what runs ends within seconds, and its DistCp job with "
        "it. With --hadoop: DistCp jobs on YARN of which no task knows any more. A task that waits for its job tries "
        f"again, and so starts another one: mark the task failed instead, which ends its job as well. {LOGIN}",
    )
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="of requests; with --hadoop application_..., or a job's tag"
    )
    add_query(parser)
    add_api(parser)
    parser.add_argument("--hadoop", metavar="CONNECTION", help="connection of type hadoop: the ids are jobs")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    if arguments.hadoop is None:
        return _requests(arguments)
    if len(arguments.ids) != 1 or set(query_of(arguments)) - {"destination"}:
        raise WrongUse("--hadoop goes with one job", remedy="Name one application_... or one tag, and no query")
    return _jobs(arguments.ids[0], arguments)


def _requests(arguments: argparse.Namespace) -> int:
    ids, query = which_of(arguments)
    if ids and any(_APPLICATION.fullmatch(id) for id in ids):
        raise WrongUse(f"{ids[0]} is a job and no request", remedy="Add --hadoop CONNECTION")
    requests = Requests(log_in(arguments))
    total = {"changed": 0, "asked": 0}
    while True:
        answer = requests.cancel(*ids, **query)
        total = {name: total[name] + answer[name] for name in total}
        if not answer["left"]:
            break
    if arguments.json:
        sys.stdout.write(f"{json.dumps(total)}\n")
    else:
        sys.stdout.write(f"cancelled {total['changed']}, asked {total['asked']} that run to end\n")
    return 0 if any(total.values()) else 1


def _jobs(named: str, arguments: argparse.Namespace) -> int:
    connections = EnvironmentConnections()
    destination = read_address(arguments.destination) if arguments.destination else None
    by_id = _APPLICATION.fullmatch(named) is not None
    if not by_id and not _TAG.fullmatch(named):
        raise WrongUse(
            f"{named!r} is neither an application's id nor a job's tag",
            remedy="Write application_1700000000000_0001, or datamove- and 32 hexadecimal digits",
        )
    job = DistCpJob(connections.get(arguments.hadoop), connections)
    killed, ended = job.cancel(*([named, ""] if by_id else ["", named]), destination=destination)
    if not killed and not ended:
        raise DatamoveError(
            f"the resource manager of connection {arguments.hadoop!r} knows no {named}",
            remedy="Look for a mistyped digit, or another cluster; it may have ended so long ago that YARN forgot it",
        )
    if arguments.json:
        found = {"killed": [app.id for app in killed], "ended": [app.id for app in ended]}
        sys.stdout.write(f"{json.dumps(found)}\n")
        return 0
    for app in killed:
        sys.stdout.write(f"killed {app.id}\n")
    for app in ended if not killed else []:
        sys.stdout.write(f"{app.id} had ended already: {app.final_status}\n")
    return 0
