"""What ``copy`` and ``plan`` have in common: their arguments, and the listing with its route."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass

from airflow_datamove.address import Address
from airflow_datamove.errors import QuantityError
from airflow_datamove.quantity import parse_rate, parse_size
from airflow_datamove.stores.connection import Connections, EnvironmentConnections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import check
from airflow_datamove.transfer.glob import escape
from airflow_datamove.transfer.listing import Listing, list_source
from airflow_datamove.transfer.options import CopyOptions, Overwrite, Route
from airflow_datamove.transfer.path_rule import refuse_overlap
from airflow_datamove.transfer.route import DEFAULT_THRESHOLD, NO_CLUSTER, RouteDecision, can_copy_within, choose_route


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

    def list(self, store: Store) -> Listing:
        """What the source holds."""
        return list_source(store, self.source)

    def decide(self, listing: Listing, store: Store) -> RouteDecision:
        """The route, with its reason.

        :raises Refused: if the one asked for is impossible.
        """
        return choose_route(
            files=listing.files,
            bytes=listing.bytes,
            threshold=self.threshold,
            distcp_obstacle=self._distcp_obstacle(),
            server_side=can_copy_within(self.source, store, self.destination),
            requested=self.route,
        )

    def _distcp_obstacle(self) -> str:
        if not self.hadoop:
            return NO_CLUSTER
        from airflow_datamove.distcp.uri import obstacle

        return obstacle(self.source, self.destination, self.connections)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say what to copy, and how."""
    where = "scheme://connection_id@authority/path, or a local path"
    parser.add_argument("source", metavar="SOURCE", help=f"{where}; * ? [ ] {{ }} are globs")
    parser.add_argument("destination", metavar="DESTINATION", help=f"{where}; end it with / to copy a file into it")
    parser.add_argument("--overwrite", choices=[str(each) for each in Overwrite], default=str(Overwrite.IF_CHANGED))
    parser.add_argument("--mirror", action="store_true", help="also delete what the source lacks")
    parser.add_argument(
        "--max-delete", type=float, default=0.5, metavar="SHARE", help="at most so much of the destination (0.5)"
    )
    parser.add_argument("--route", choices=[str(each) for each in Route], default=str(Route.AUTO))
    parser.add_argument(
        "--threshold", type=_quantity(parse_size), default=DEFAULT_THRESHOLD, metavar="SIZE", help="1GiB"
    )
    parser.add_argument("--rate", type=_quantity(parse_rate), metavar="RATE", help="over all threads, such as 25MiB/s")
    parser.add_argument("--hadoop", default="", metavar="CONNECTION_ID", help="the cluster for the route distcp")
    parser.add_argument("--threads", type=int, default=8, metavar="N", help="files at a time (8)")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on stdout")


def read_arguments(arguments: argparse.Namespace) -> CopyArguments:
    """Reads the arguments.

    :raises WrongUse: for an address or an option that cannot be.
    :raises PathConflict: for a copy onto or into itself.
    """
    request = CopyArguments(
        source=check(read_address(arguments.source, source=True)),
        destination=check(read_address(arguments.destination)),
        options=CopyOptions(
            overwrite=Overwrite(arguments.overwrite),
            mirror=arguments.mirror,
            max_delete=arguments.max_delete,
            threads=arguments.threads,
            rate=arguments.rate,
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


def _quantity(parse: Callable[[str], int]) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return parse(text)
        except QuantityError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
