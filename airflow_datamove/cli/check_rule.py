"""``datamove check-rule``: tries the path rule on anyone's own stores and cluster."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable

from airflow_datamove.address import Address
from airflow_datamove.cli.request import read_address
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.quantity import counted
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.registry import check


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "check-rule",
        help=text,
        description="Draws random trees and copies them by the worker and by DistCp. Where what comes of it is not "
        "what the path rule says, the smallest such case is printed, and its files are left where they are.",
    )
    parser.add_argument("--connection", metavar="ID", help="the cluster for DistCp; without one, the worker alone")
    parser.add_argument(
        "--scratch", metavar="ADDRESS", required=True, help="a directory; what is made lies in new ones below it"
    )
    parser.add_argument("--to", metavar="ADDRESS", help="the directory to copy to (that of --scratch)")
    parser.add_argument("--cases", type=_count, default=20, metavar="N", help="how many (20); each is a DistCp job")
    parser.add_argument("--seed", type=int, help="draws the same cases again")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand: 0 if all is as the rule says."""
    try:
        import hypothesis
    except ImportError:
        raise WrongUse("check-rule needs hypothesis", remedy="pip install hypothesis") from None
    from hypothesis import HealthCheck, Phase

    from airflow_datamove.rule_kit.cases import cases
    from airflow_datamove.rule_kit.model import Case
    from airflow_datamove.rule_kit.trial import Route, Trial
    from airflow_datamove.transfer.copy import copy

    connections = EnvironmentConnections()
    source = _directory(arguments.scratch)
    destination = _directory(arguments.to or arguments.scratch)
    routes: dict[str, Route] = {"worker": lambda one, other, options: copy(one, other, connections, options)}
    if arguments.connection:
        from airflow_datamove.distcp.job import run_to_end

        _reached_by_distcp(source, destination, connections)

        routes["distcp"] = lambda one, other, options: run_to_end(
            one, other, connections, options, hadoop=arguments.connection
        )
    compares = source.scheme == destination.scheme == "hdfs"
    keeps_times = destination.scheme in ("hdfs", "file")
    done = 0

    with Trial(source, destination, connections, routes, compares=compares) as trial:
        trial.try_routes()

        @hypothesis.settings(
            max_examples=arguments.cases,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        @hypothesis.given(cases(source.scheme, destination.scheme, compares=compares, keeps_times=keeps_times))
        def hold(case: Case) -> None:
            nonlocal done
            found = trial.differences(case)
            done += 1
            sys.stderr.write(f"\r{counted(done, 'case')}")
            if found:
                raise _Wrong(case, found)

        seeded: Callable[[], None] = hypothesis.seed(arguments.seed)(hold) if arguments.seed is not None else hold
        try:
            seeded()
        except _Wrong as wrong:
            sys.stderr.write("\n")
            sys.stdout.write(f"{wrong.case}\n" + "".join(f"  {line}\n" for line in wrong.found))
            return 1
    sys.stderr.write("\n")
    sys.stdout.write(f"{counted(done, 'case')} by {' and '.join(routes)}: as the path rule says\n")
    return 0


class _Wrong(Exception):
    def __init__(self, case: object, found: list[str]) -> None:
        super().__init__(*found)
        self.case, self.found = case, found


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not count:
        raise argparse.ArgumentTypeError(f"{text} is no number of cases: write 1 or more")
    return count


def _reached_by_distcp(source: Address, destination: Address, connections: Connections) -> None:
    """Makes sure of it before anything is made."""
    from airflow_datamove.distcp.uri import hadoop_uri

    for end in (source, destination):
        try:
            hadoop_uri(end, end.path, connections)
        except Refused as error:
            raise Refused(error.message, remedy="Leave out --connection, to try the worker alone") from None


def _directory(text: str) -> Address:
    address = check(read_address(text))
    return address.with_path(f"{address.path.rstrip('/')}/rule-{uuid.uuid4().hex[:8]}")
