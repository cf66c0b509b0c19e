"""Everything that can be known and refused before a job exists: :func:`prepare`."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from airflow_datamove.distcp.listing import UniqueNames, write_listing
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.distcp.plain import PlainNames, judge_of, plan_plain, shape_of
from airflow_datamove.distcp.plan import Command, Judge, Settings, maps_judge, plan_listed
from airflow_datamove.distcp.uri import check_root, hadoop_uri
from airflow_datamove.errors import PathConflict, Refused
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Entry
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.compare import compare
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.options import Overwrite
from airflow_datamove.transfer.path_rule import Root, destination_path, source_path
from airflow_datamove.transfer.plan import CopyPlan, stays
from airflow_datamove.transfer.receipt import check_receipt
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
    resources: ExitStack
    """What :meth:`close` gives back."""

    @property
    def arguments(self) -> list[str]:
        """DistCp's arguments; empty if no job is needed."""
        return self.command.arguments if self.command else []

    @property
    def files(self) -> int:
        """Files that the job deals with: copies, or finds to be there."""
        return len(self.plan.copies) if self.command and self.command.listing else self.plan.files

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.plan.copy_bytes if self.command and self.command.listing else self.plan.bytes

    def make_directories(self, connections: Connections) -> None:
        """Makes what must exist before the job starts; harmless to repeat."""
        if self.directories or self.request.options.create:
            with open_store(self.request.destination, connections) as store:
                if self.request.options.create:
                    store.create_root()
                for path in self.directories:
                    store.make_directory(path)

    def close(self) -> None:
        """Removes the list, which must not be before the client has read it. Harmless when repeated."""
        self.resources.close()


def prepare(
    request: DistCpRequest,
    connections: Connections,
    *,
    queue: str = "",
    allow_local: bool = False,
    plain: bool = False,
) -> Prepared:
    """Compares the two ends and plans the job. Writes nothing but a list on this machine.

    :param queue: YARN queue for a request that names none.
    :param allow_local: let ``file://`` through.
    :param plain: the client cannot be given our list: DistCp lists the source itself.
    :raises PathConflict: if something stands in the way, or the source would be copied onto or into itself.
    :raises Refused: for what DistCp cannot do, and for a mirror that would delete too much.
    :raises StoreError: if an end cannot be listed.
    """
    started = time.time()
    options = request.options
    if obstacle := options.distcp_obstacle(plain=plain):
        raise Refused(f"route distcp is impossible: {obstacle}", remedy="Use route auto or worker")
    as_uri = partial(hadoop_uri, connections=connections, allow_local=allow_local)
    judged = not plain and maps_judge(options.overwrite, as_uri(request.source, "/"), as_uri(request.destination, "/"))
    with ExitStack() as resources:
        plan, names, flat = _compare(request, connections, plain=plain, judged=judged)
        resources.callback(plan.close)
        plan.refuse_conflicts()
        if plan.refused:
            more = f", nor {plan.refused_count - 1} others" if plan.refused_count > 1 else ""
            raise Refused(
                f"{request.destination} cannot hold the name {plan.refused[0]!r}{more}",
                remedy="Rename it, leave it out by a filter, or take the worker route, where such files fail alone",
            )
        alone = plan.root is Root.FILE
        path, top = source_path(request.source), destination_path(request.source, plan.root, "", request.destination)
        settings = Settings(
            source=as_uri(request.source, path),
            target=as_uri(request.destination, top),
            tag=request.tag,
            name=request.name,
            maps=request.maps,
            bandwidth=request.bandwidth,
            judge=judge_of(options.overwrite) if plain else Judge.MAP if judged else Judge.NOBODY,
            ignore_failures=options.error_budget > 0,
            queue=request.queue or queue,
            properties=request.properties,
        )
        check_root(path)
        check_root(top)
        _refuse_same_place(request, settings, plan.root)
        # A directory in a flat store is a marker object: our list names those that nothing comes to lie in.
        needed = "" if flat and (alone or not plain) else top.rpartition("/")[0] if alone else top
        directories: tuple[str, ...] = (needed,) if needed.strip("/") else ()
        if _needs_no_job(plan, options.overwrite, plain=plain):
            command, directories = None, tuple(plan.new_directories)
        elif isinstance(names, PlainNames):
            command = plan_plain(shape_of(plan.root), settings, names.children)
        else:
            listing = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="datamove-"))) / "listing"
            with listing.open("wb") as file:
                write_listing(plan, settings.source, top, file)
            command = plan_listed(settings, listing, alone=alone)
        return Prepared(request, plan, command, directories, settings.target, started, resources.pop_all())


def _compare(
    request: DistCpRequest, connections: Connections, *, plain: bool, judged: bool
) -> tuple[CopyPlan, UniqueNames, bool]:
    """What is to be copied, what was seen of the source's names, and whether the destination's names are flat."""
    source, destination, options = request.source, request.destination, request.options
    if options.receipt is not None:
        check_receipt(options.receipt, source, destination, connections)
    with open_store(source, connections) as store, open_store(destination, connections) as there:
        manifest = read_manifest(options.manifest, connections) if options.manifest is not None else None
        view = view_source(store, source, manifest)
        names = PlainNames(source, view.root) if plain else UniqueNames()
        plan = compare(
            view,
            source,
            store,
            destination,
            there,
            options,
            created=options.create,
            # Any other destination calls a file that is a directory too a conflict, as it does on a worker.
            seen=names if plain or (store.capabilities.flat and there.capabilities.flat) else None,
            same=_surely_same if judged else None,
        )
        return plan, names, there.capabilities.flat


def _surely_same(entry: Entry, old: Entry) -> bool:
    """``if_changed`` where the maps compare: only what no checksum need be asked for is left out of the list."""
    comparable = entry.size == 0 or entry.checksums.keys() & old.checksums.keys()
    return bool(comparable) and stays(entry, old, Overwrite.IF_CHANGED)


def _refuse_same_place(request: DistCpRequest, settings: Settings, root: Root) -> None:
    """Two connections may name one cluster: what the addresses hide, the URIs tell."""
    start, end = (f"{uri.rstrip('/')}/" for uri in (settings.source, settings.target))
    inside = end.startswith(start) or start.startswith(end)
    # Within one connection the comparison has looked at what exactly a glob matches.
    hidden = root is Root.GLOB and request.source.connection_id != request.destination.connection_id
    if start == end or (inside and (root is Root.DIRECTORY or hidden)):
        raise PathConflict(
            f"{settings.source} would be copied onto or into itself: {settings.target}",
            remedy="Choose a destination outside the source",
        )


def _needs_no_job(plan: CopyPlan, overwrite: Overwrite, *, plain: bool) -> bool:
    """True if it is certain that a job would copy nothing.

    DistCp without our list replaces a lone file whatever the flags, so that is judged here; in a directory,
    ``if_changed`` is left to its maps.
    """
    if plain and overwrite is not Overwrite.NEVER and plan.root is not Root.FILE:
        return plan.files == 0
    return len(plan.copies) == 0
