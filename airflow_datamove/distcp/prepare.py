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
from airflow_datamove.stores.contract import Entry, Kind
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.path_rule import Root, destination_path, source_path
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.source_view import view_source


@dataclass(frozen=True)
class Prepared:
    """A request that nothing stands against."""

    request: DistCpRequest
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
    if obstacle := request.options.distcp_obstacle():
        raise Refused(f"route distcp is impossible: {obstacle}", remedy="Use route auto or worker")
    source, destination = request.source, request.destination
    with ExitStack() as stack:
        source_store = stack.enter_context(open_store(source, connections))
        destination_store = stack.enter_context(open_store(destination, connections))
        hadoop_uri(source, "/", connections, allow_local=allow_local)
        hadoop_uri(destination, "/", connections, allow_local=allow_local)
        view = view_source(source_store, source)
        seen = _Seen(request, view.root, flat=source_store.capabilities.flat)
        plan = compare(
            view,
            source,
            source_store,
            destination,
            destination_store,
            request.options,
            created=request.options.create,
            seen=seen,
        )
        plan.refuse_conflicts()
        flat = destination_store.capabilities.flat
    path, top = source_path(source), destination_path(source, plan.root, "", destination)
    source_uri = hadoop_uri(source, path, connections, allow_local=allow_local)
    target = hadoop_uri(destination, top, connections, allow_local=allow_local)
    check_root(path)
    check_root(top)
    _refuse_same_place(source_uri, target, plan.root)
    if _needs_no_job(plan, request.options.overwrite):
        return Prepared(request, plan, None, tuple(plan.new_directories), target, started)
    command = plan_command(
        Job(
            shape={Root.FILE: Shape.FILE, Root.DIRECTORY: Shape.DIRECTORY, Root.GLOB: Shape.FILES}[plan.root],
            source=source_uri,
            target=target,
            overwrite=request.options.overwrite,
            tag=request.tag,
            name=request.name,
            maps=request.maps,
            bandwidth=request.bandwidth,
            children=seen.children,
            queue=request.queue or queue,
            properties=request.properties,
        )
    )
    # A lone file's parent is a marker object in a flat store, which nobody asked for.
    needed = top if plan.root is not Root.FILE else "" if flat else top.rpartition("/")[0]
    directories = (needed,) if needed.strip("/") else ()
    return Prepared(request, plan, command, directories, target, started)


class _Seen:
    """Looks at everything that the source holds, and refuses what one DistCp job cannot do as the path rule says it."""

    def __init__(self, request: DistCpRequest, root: Root, *, flat: bool) -> None:
        self._request, self._root, self._flat_source = request, root, flat
        self._directories: set[str] = set()
        self._files: set[str] = set()
        self._top: set[str] = set()

    @property
    def children(self) -> tuple[str, ...]:
        """The names that lie directly in the source; none where it is a file."""
        return () if self._root is Root.FILE else tuple(sorted(self._top))

    def __call__(self, relative: str, entry: Entry) -> None:
        check_name(relative)
        self._top.add(relative.partition("/")[0])
        same, other = (
            (self._directories, self._files) if entry.kind is Kind.DIRECTORY else (self._files, self._directories)
        )
        if relative in other:
            raise Refused(f"Hadoop cannot hold {relative!r}, which is a file and a directory at once")
        if self._root is Root.GLOB and ("/" in relative or entry.kind is not Kind.FILE):
            # With -update or -overwrite, DistCp pours the contents of all matched directories into one.
            raise Refused(
                f"{self._request.source} matches directories or reaches into several, which DistCp would copy with"
                " another layout than the worker",
                remedy="Take the worker route, name the directory above, or send one request for each match",
            )
        if self._flat_source:
            same.add(relative)


def _refuse_same_place(source: str, target: str, root: Root) -> None:
    """Two connections may name one cluster: what the addresses hide, the URIs tell."""
    start, end = f"{source.rstrip('/')}/", f"{target.rstrip('/')}/"
    inside = end.startswith(start) or start.startswith(end)
    if start == end or (root is Root.DIRECTORY and inside):
        raise PathConflict(
            f"{source} would be copied onto or into itself: {target}", remedy="Choose a destination outside the source"
        )


def _needs_no_job(plan: CopyPlan, overwrite: Overwrite) -> bool:
    """True if it is certain that a job would copy nothing.

    A lone file is judged here because DistCp replaces it whatever the flags. In a directory, ``if_changed`` is left
    to DistCp, which can compare checksums that no listing has.
    """
    certain = overwrite is Overwrite.NEVER or plan.root is Root.FILE
    return plan.files == 0 or (certain and len(plan.copies) == 0)
