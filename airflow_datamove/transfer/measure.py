"""How much a source holds: :func:`measure_source`."""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound
from airflow_datamove.stores.contract import Kind, Measure, Store
from airflow_datamove.transfer.glob import is_glob
from airflow_datamove.transfer.naming import naming
from airflow_datamove.transfer.source_view import FileView, SourceView, view_source


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


def _relative(view: SourceView, path: str) -> str:
    return path[len(view.top.rstrip("/")) + 1 :]
