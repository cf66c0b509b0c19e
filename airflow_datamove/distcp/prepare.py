"""Everything that can be known and refused before a job exists: :func:`prepare`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.plan import Command, Job, Shape, plan_command
from airflow_datamove.distcp.uri import check_name, check_root, hadoop_uri
from airflow_datamove.errors import PathConflict, Refused
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.listing import Listing, list_source
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.path_rule import Root, destination_path, source_path
from airflow_datamove.transfer.plan import CopyPlan, plan_copy


@dataclass(frozen=True)
class Prepared:
    """A request that nothing stands against."""

    request: DistCpRequest
    listing: Listing
    plan: CopyPlan
    command: Command | None
    """``None``: no job is needed."""
    directories: tuple[str, ...]
    """Paths in the destination's store that must exist before the job starts."""
    target: str
    """Hadoop's URI of the destination."""
    started: float
    """Seconds since the epoch: when the listing began."""

    @property
    def arguments(self) -> list[str]:
        """DistCp's arguments; empty if no job is needed."""
        return self.command.arguments if self.command else []

    def make_directories(self, connections: Connections) -> None:
        """Makes what must exist before the job starts; harmless to repeat."""
        if self.directories:
            with open_store(self.request.destination, connections) as store:
                for path in self.directories:
                    store.make_directory(path)


def prepare(
    request: DistCpRequest, connections: Connections, *, queue: str = "", allow_local: bool = False
) -> Prepared:
    """Lists the source, looks at the destination, and plans the job. Writes nothing.

    :param queue: YARN queue for a request that names none.
    :param allow_local: let ``file://`` through.
    :raises PathConflict: if something stands in the way, or the source would be copied onto or into itself.
    :raises Refused: for what DistCp cannot do in one job, and for a mirror that would delete too much.
    :raises StoreError: if an end cannot be listed.
    """
    started = time.time()
    source, destination = request.source, request.destination
    with ExitStack() as stack:
        source_store = stack.enter_context(open_store(source, connections))
        destination_store = stack.enter_context(open_store(destination, connections))
        hadoop_uri(source, "/", connections, allow_local=allow_local)
        hadoop_uri(destination, "/", connections, allow_local=allow_local)
        listing = list_source(source_store, source)
        _refuse_unsupported(request, listing)
        plan = plan_copy(listing, source, source_store, destination, destination_store, request.options)
        plan.refuse_conflicts()
        flat = destination_store.capabilities.flat
    path, top = source_path(source), destination_path(source, listing.root, "", destination)
    source_uri = hadoop_uri(source, path, connections, allow_local=allow_local)
    target = hadoop_uri(destination, top, connections, allow_local=allow_local)
    check_root(path)
    check_root(top)
    _refuse_same_place(source_uri, target, listing.root)
    if _needs_no_job(listing, plan, request.options.overwrite):
        return Prepared(request, listing, plan, None, tuple(plan.directories), target, started)
    command = plan_command(
        Job(
            shape={Root.FILE: Shape.FILE, Root.DIRECTORY: Shape.DIRECTORY, Root.GLOB: Shape.FILES}[listing.root],
            source=source_uri,
            target=target,
            overwrite=request.options.overwrite,
            tag=request.tag,
            name=request.name,
            maps=request.maps,
            bandwidth=request.bandwidth,
            children=_children(listing),
            queue=request.queue or queue,
            properties=request.properties,
        )
    )
    # A lone file's parent is a marker object in a flat store, which nobody asked for.
    needed = top if listing.root is not Root.FILE else "" if flat else top.rpartition("/")[0]
    directories = (needed,) if needed.strip("/") else ()
    return Prepared(request, listing, plan, command, directories, target, started)


def _refuse_unsupported(request: DistCpRequest, listing: Listing) -> None:
    """Refuses what one DistCp job cannot do as the path rule says it."""
    kinds: dict[str, Kind] = {}
    for item in listing.entries:
        check_name(item.relative)
        if kinds.setdefault(item.relative, item.entry.kind) is not item.entry.kind:
            raise Refused(f"Hadoop cannot hold {item.relative!r}, which is a file and a directory at once")
    if listing.root is Root.GLOB and any(
        "/" in item.relative or item.entry.kind is not Kind.FILE for item in listing.entries
    ):
        # With -update or -overwrite, DistCp pours the contents of all matched directories into one.
        raise Refused(
            f"{request.source} matches directories or reaches into several, which DistCp would copy with another"
            " layout than the worker",
            remedy="Take the worker route, name the directory above, or send one request for each match",
        )


def _refuse_same_place(source: str, target: str, root: Root) -> None:
    """Two connections may name one cluster: what the addresses hide, the URIs tell."""
    start, end = f"{source.rstrip('/')}/", f"{target.rstrip('/')}/"
    inside = end.startswith(start) or start.startswith(end)
    if start == end or (root is Root.DIRECTORY and inside):
        raise PathConflict(
            f"{source} would be copied onto or into itself: {target}", remedy="Choose a destination outside the source"
        )


def _needs_no_job(listing: Listing, plan: CopyPlan, overwrite: Overwrite) -> bool:
    """True if it is certain that a job would copy nothing.

    A lone file is judged here because DistCp replaces it whatever the flags. In a directory, ``if_changed`` is left
    to DistCp, which can compare checksums that no listing has.
    """
    certain = overwrite is Overwrite.NEVER or listing.root is Root.FILE
    return listing.files == 0 or (certain and not plan.copies)


def _children(listing: Listing) -> tuple[str, ...]:
    if listing.root is Root.FILE:
        return ()
    return tuple(sorted({item.relative.partition("/")[0] for item in listing.entries}))
