"""How much a source holds: :func:`measure_source`; how much of it a copy is asked for: :func:`measure_asked`."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Kind, Measure, Store
from airflow_datamove.transfer.filters import Selection
from airflow_datamove.transfer.glob import is_glob
from airflow_datamove.transfer.lister import Lister
from airflow_datamove.transfer.manifest import read_manifest
from airflow_datamove.transfer.naming import naming
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.source_view import FileView, SourceView, view_source


@dataclass(frozen=True, slots=True)
class Asked(Measure):
    """How much a copy is asked for."""

    whole: bool = True
    """False if it is more than that: what was counted was enough to know."""


def measure_asked(
    store: Store,
    source: Address,
    options: CopyOptions,
    connections: Connections,
    *,
    enough_bytes: int,
    enough_files: int = 0,
) -> Asked:
    """How much of a source a copy with these filters and this manifest is asked for.

    Without any of them it is what the source holds, and costs what :func:`measure_source` costs. Else the source is
    listed as the copy will list it, no further than needed: three files picked out of 5 TB are three files.

    :param enough_bytes: once so many bytes were counted,
    :param enough_files: and so many files, nothing more is looked at.
    :raises NotFound: and the others of :func:`~airflow_datamove.transfer.source_view.view_source`. With filters, a glob
        that matches nothing is left to the comparison.
    :raises StoreError: if an end or the manifest cannot be read.
    """
    if not options.filters and options.manifest is None:
        held = measure_source(store, source)
        return Asked(held.files, held.directories, held.bytes)
    with naming(source):
        lines = read_manifest(options.manifest, connections) if options.manifest is not None else None
        view, selection = view_source(store, source, lines), Selection(options.filters)
        if isinstance(view, FileView):
            taken = selection.takes(view.entry.name, view.entry)
            return Asked(1, 0, view.entry.size) if taken else Asked(0, 0, 0)
        lister = Lister(view.children, ahead=store.capabilities.remote)
        try:
            return _Picked(view, store, lister, selection).measured(enough_bytes, enough_files)
        finally:
            lister.close(wait=True)


def measure_source(store: Store, source: Address) -> Measure:
    """How much a source holds: by one call for each match where the store can, else by its listing.

    :raises NotFound: and the others of :func:`~airflow_datamove.transfer.source_view.view_source`.
    """
    with naming(source):
        return _measured(store, source, view_source(store, source))


def _measured(store: Store, source: Address, view: SourceView) -> Measure:
    if isinstance(view, FileView):
        return Measure(1, 0, view.entry.size)
    if store.capabilities.measure and not is_glob(source.path):
        return store.measure(view.top)
    files = directories = size = found = 0
    pending = [""]
    while pending:
        relative = pending.pop()
        if relative and view.counts(relative) and store.capabilities.measure:
            whole = store.measure(view.path(relative))
            files, directories, size = files + whole.files, directories + whole.directories, size + whole.bytes
            continue
        below = view.below(relative) if view.counts(relative) else None
        for entry in below if below is not None else view.children(relative):
            if entry.kind is Kind.DIRECTORY:
                path = _relative(view, entry.path)
                directories += view.counts(path)
                found += view.counts(path)
                if below is None:
                    pending.append(path)
            else:
                found += 1
                files += entry.kind is Kind.FILE
                size += entry.size
    if is_glob(source.path) and not found:
        raise NotFound("the glob matches nothing", path=str(source))
    return Measure(files, directories, size)


class _Picked:
    """What filters pick of a source that is no file."""

    def __init__(self, view: SourceView, store: Store, lister: Lister, selection: Selection) -> None:
        self._view, self._lister, self._selection = view, lister, selection
        # Elsewhere what the filters leave out need not be listed at all.
        self._in_one = store.capabilities.flat

    def measured(self, enough_bytes: int, enough_files: int) -> Asked:
        files = directories = size = 0
        pending = [""]
        while pending:
            relative = pending.pop()
            everything = self._view.below(relative) if self._in_one and self._view.counts(relative) else None
            if everything is None:
                for upcoming in pending[:-9:-1]:
                    self._lister.expect(upcoming)
            for entry in everything if everything is not None else self._lister.entries(relative):
                path = _relative(self._view, entry.path)
                if entry.kind is Kind.DIRECTORY:
                    if self._selection.prunes(path):
                        continue
                    directories += self._view.counts(path)
                    if everything is None:
                        pending.append(path)
                elif entry.kind is Kind.FILE and self._selection.takes(path, entry):
                    files, size = files + 1, size + entry.size
                    if size >= enough_bytes and files >= enough_files:
                        return Asked(files, directories, size, whole=False)
        return Asked(files, directories, size)


def _relative(view: SourceView, path: str) -> str:
    return path[len(view.top.rstrip("/")) + 1 :]
