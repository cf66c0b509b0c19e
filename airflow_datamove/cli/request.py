"""What ``copy`` and ``plan`` have in common: their arguments, and the listing with its route."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from airflow_datamove.address import Address
from airflow_datamove.errors import QuantityError, WrongUse
from airflow_datamove.quantity import parse_duration, parse_rate, parse_share, parse_size
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.contract import Measure
from airflow_datamove.stores.registry import check, open_store
from airflow_datamove.transfer.glob import escape
from airflow_datamove.transfer.measure import measure_asked
from airflow_datamove.transfer.options import (
    MARKER,
    CopyOptions,
    OnError,
    Overwrite,
    Publish,
    Route,
    Verify,
    options_of_words,
)
from airflow_datamove.transfer.path_rule import refuse_overlap
from airflow_datamove.transfer.route import DEFAULT_THRESHOLD, NO_CLUSTER, RouteDecision, choose_route

T = TypeVar("T")

_USUAL = CopyOptions()


@dataclass(frozen=True)
class CopyArguments:
    """The arguments of ``copy`` and ``plan``, read."""

    source: Address
    destination: Address
    options: CopyOptions
    route: Route
    threshold: int
    hadoop: str
    connections: Connections

    def decide(self, files: int, bytes: int, *, server_side: bool, whole: bool = True) -> RouteDecision:
        """The route, with its reason.

        :raises Refused: if the one asked for is impossible.
        """
        return choose_route(
            files=files,
            bytes=bytes,
            threshold=self.threshold,
            distcp_obstacle=self._distcp_obstacle(),
            server_side=server_side,
            requested=self.route,
            whole=whole,
        )

    def may_need_cluster(self) -> bool:
        """True if the route could be DistCp's: then the source is measured before anything is compared."""
        return bool(self.hadoop) and self.route in (Route.AUTO, Route.DISTCP)

    def measured(self) -> tuple[RouteDecision, Measure]:
        """The route with its reason, and how much is asked for, before anything is compared: of more than a job can be
        made wider for, only so much.

        :raises Refused: if the one asked for is impossible.
        :raises StoreError: if an end cannot be asked.
        """
        from airflow_datamove.distcp.sizing import DEFAULT_RATE, enough_work

        with open_store(self.source, self.connections) as source, open_store(self.destination, self.connections) as end:
            files, size = enough_work(1, self.options.rate or DEFAULT_RATE)
            measure = measure_asked(
                source,
                self.source,
                self.options,
                self.connections,
                enough_bytes=max(self.threshold, size),
                enough_files=files,
            )
            server_side = end.can_copy_from(source)
            return self.decide(measure.files, measure.bytes, server_side=server_side, whole=measure.whole), measure

    def _distcp_obstacle(self) -> str:
        if not self.hadoop:
            return NO_CLUSTER
        from airflow_datamove.distcp.obstacle import is_plain, obstacle

        plain = is_plain(self.connections.get(self.hadoop))
        return obstacle(self.source, self.destination, self.options, self.connections, plain=plain)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say what to copy, and how."""
    where = "scheme://connection_id@authority/path, or a local path"
    parser.add_argument("source", metavar="SOURCE", help=f"{where}; * ? [ ] {{ }} are globs")
    parser.add_argument("destination", metavar="DESTINATION", help=f"{where}; end it with / to copy a file into it")
    _add_choice(parser, "--overwrite", Overwrite.IF_CHANGED, "what happens to a file that exists")
    _add_choice(parser, "--route", Route.AUTO, "by this process, by DistCp or by the service itself")
    parser.add_argument("--hadoop", default="", metavar="CONNECTION_ID", help="the cluster for the route distcp")
    parser.add_argument(
        "--threshold",
        type=quantity(parse_size),
        default=DEFAULT_THRESHOLD,
        metavar="SIZE",
        help="DistCp from here on (1GiB)",
    )
    parser.add_argument("--create", action="store_true", help="make the container or bucket if there is none")
    _add_selection(parser.add_argument_group("what is copied"))
    _add_care(parser.add_argument_group("how it is published and verified"))
    speed = parser.add_argument_group("how fast")
    speed.add_argument("--rate", type=quantity(parse_rate), metavar="RATE", help="over all threads, such as 25MiB/s")
    speed.add_argument(
        "--threads", type=int, default=_USUAL.threads, metavar="N", help="files and parts at a time (16)"
    )
    speed.add_argument("--part-size", type=quantity(parse_size), metavar="SIZE", help="of the parts of large files")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on stdout")


def _add_selection(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--include", action="append", default=[], metavar="GLOB", help="only these files; repeatable")
    group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="not these files; repeatable")
    group.add_argument("--min-size", type=quantity(parse_size), metavar="SIZE", help="no smaller files, such as 64KiB")
    group.add_argument("--max-size", type=quantity(parse_size), metavar="SIZE", help="no larger files, such as 1GiB")
    group.add_argument(
        "--min-age", type=quantity(parse_duration), metavar="TIME", help="only files unchanged for so long, such as 1h"
    )
    group.add_argument(
        "--max-age", type=quantity(parse_duration), metavar="TIME", help="only files changed since, such as 7d"
    )
    group.add_argument("--manifest", metavar="ADDRESS", help="a file that names the files below SOURCE, one a line")
    group.add_argument("--mirror", action="store_true", help="also delete what the source lacks")
    group.add_argument(
        "--max-delete",
        type=quantity(parse_share),
        metavar="SHARE",
        help="of the destination's files, with --mirror (50%%)",
    )


def _add_care(group: argparse._ArgumentGroup) -> None:
    _add_choice(group, "--publish", Publish.EACH, "each file once it is whole, or all once all are")
    group.add_argument("--marker", metavar="NAME", help=f"written last with --publish together ({MARKER})")
    _add_choice(group, "--verify", Verify.CHECKSUM, "by what the ends say, or also by reading what arrived")
    _add_choice(group, "--on-error", OnError.CONTINUE, "what happens to the other files when one has failed")
    group.add_argument("--error-budget", type=int, default=0, metavar="N", help="files that may fail (0)")
    group.add_argument("--receipt", metavar="ADDRESS", help="write a Parquet file with a row for each file")


def _add_choice(group: argparse._ActionsContainer, name: str, usual: StrEnum, text: str) -> None:
    group.add_argument(name, choices=[str(each) for each in type(usual)], default=str(usual), help=f"{text} ({usual})")


def _settle_what_goes_together(arguments: argparse.Namespace) -> None:
    """Gives options that only mean something beside another their usual value.

    :raises WrongUse: if one is given without the other.
    """
    if arguments.marker is not None and arguments.publish != Publish.TOGETHER:
        raise WrongUse("--marker means nothing by itself", remedy="Add --publish together")
    if arguments.max_delete is not None and not arguments.mirror:
        raise WrongUse("--max-delete means nothing by itself", remedy="Add --mirror")
    if arguments.marker is None:
        arguments.marker = MARKER
    if arguments.max_delete is None:
        arguments.max_delete = _USUAL.max_delete


def read_arguments(arguments: argparse.Namespace) -> CopyArguments:
    """Reads the arguments.

    :raises WrongUse: for an address or an option that cannot be.
    :raises PathConflict: for a copy onto or into itself.
    """
    _settle_what_goes_together(arguments)
    request = CopyArguments(
        source=check(read_address(arguments.source, source=True)),
        destination=check(read_address(arguments.destination)),
        options=options_of_words(
            arguments,
            threads=arguments.threads,
            rate=arguments.rate,
            manifest=_optional(arguments.manifest),
            receipt=_optional(arguments.receipt),
        ),
        route=Route(arguments.route),
        threshold=arguments.threshold,
        hadoop=arguments.hadoop,
        connections=EnvironmentConnections(),
    )
    refuse_overlap(request.source, request.destination)
    return request


def read_address(text: str, *, source: bool = False) -> Address:
    """An address, or a local path (without ``://``) that becomes one, with its trailing slash and its globs kept.

    :raises AddressError: if it is neither.
    """
    if "://" in text or not text:
        return Address.parse(text)
    path = text
    if not path.startswith("/"):
        here = os.getcwd()
        # The directory's own name is no glob, whatever it holds.
        path = f"{escape(here) if source else here}/{path}"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if segments and path.endswith(("/", "/.", "/..")) else ""
    return Address.parse(f"file:///{'/'.join(segments)}{slash}")


def _optional(text: str | None) -> Address | None:
    return check(read_address(text)) if text else None


def quantity(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A size, a rate or a span of time as a type of argparse, whose errors keep their remedy."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except QuantityError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
