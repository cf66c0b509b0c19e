"""One case carried out by each route, beside what must come of it: :class:`Trial`."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from airflow_datamove.address import Address
from airflow_datamove.errors import DatamoveError
from airflow_datamove.rule_kit.model import Case, Standing, expected
from airflow_datamove.rule_kit.names import unheld
from airflow_datamove.stores.connection import Connections
from airflow_datamove.stores.contract import Attributes, Kind, Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.glob import escape
from airflow_datamove.transfer.options import CopyOptions

Route = Callable[[Address, Address, CopyOptions], object]
"""Copies; raises as :func:`airflow_datamove.transfer.copy.copy` does."""

_HADOOPS = re.compile(r"/\.[^/]+\.crc$")
"""What Hadoop's local file system leaves beside a file (``ChecksumFileSystem``): no part of any tree."""

_OLD, _OLDER, _NEW = 500.0, 1000.0, 100.0
"""Ages in seconds."""


class Trial:
    """Two directories to try cases in, and the routes.

    :param source: a directory; each case gets one of its own below it.
    :param destination: another, or the same.
    :param compares: see :func:`~airflow_datamove.rule_kit.model.expected`.
    """

    def __init__(
        self,
        source: Address,
        destination: Address,
        connections: Connections,
        routes: Mapping[str, Route],
        *,
        compares: bool,
    ) -> None:
        self._from, self._to, self._routes, self._compares = source, destination, routes, compares
        self._unheld = unheld(source.scheme, destination.scheme)
        self._stack = ExitStack()
        self._source = self._stack.enter_context(open_store(source, connections))
        self._destination = self._stack.enter_context(open_store(destination, connections))
        self._flat = self._destination.capabilities.flat

    def try_routes(self) -> None:
        """Copies a small file by each route, so that what keeps a route from copying at all is told as such, and not as
        a case that goes wrong.

        :raises DatamoveError: as the routes do.
        """
        name = uuid.uuid4().hex[:12]
        source, target = _below(self._from, f"{name}/S"), _below(self._to, f"{name}/T")
        _make(self._source, source.path, {"a": b"a"}, time.time() - _OLD)
        try:
            for route, copy in self._routes.items():
                copy(source, _below(target, route), CopyOptions())
        finally:
            for store, address in ((self._source, self._from), (self._destination, self._to)):
                _remove(store, _below(address, name).path)

    def differences(self, case: Case) -> list[str]:
        """Carries a case out; what is not as it must be, a line for each route.

        What was made for it is removed, unless something is wrong with it.
        """
        must = expected(case, compares=self._compares, unheld=self._unheld, flat=self._flat)
        name = uuid.uuid4().hex[:12]
        made_at = time.time()
        top = _below(self._from, f"{name}/S")
        _make(self._source, top.path, case.source, made_at - _OLD)
        source = top.with_path(
            f"{escape(top.path)}"
            + (f"/{case.pattern}" if case.pattern else f"/{escape(case.name)}" if case.name else "")
            + "/" * case.source_slash
        )
        options = CopyOptions(overwrite=case.overwrite, mirror=case.mirror, max_delete=1.0)
        found: list[str] = []
        for route, copy in self._routes.items():
            place = _below(self._to, f"{name}/{route}/T")
            _make(self._destination, place.path, case.standing, made_at - (_NEW if case.newer else _OLDER))
            error, told = "", ""
            try:
                copy(source, place.with_path(place.path + "/" * case.destination_slash), options)
            except DatamoveError as raised:
                error, told = type(raised).__name__, str(raised)
            is_there = _read(self._destination, place.path)
            if must.or_refused and error == "Refused" and self._alike(is_there, case.standing):
                continue
            if error != must.error or not self._alike(is_there, must.standing):
                found.append(
                    f"{route}: {told or 'it copied'}, and left {is_there!r}; by the rule "
                    f"{must.error or 'it copies'}, and leaves {must.standing!r}"
                )
        if not found:
            for store, address in ((self._source, self._from), (self._destination, self._to)):
                _remove(store, _below(address, name).path)
        return found

    def _alike(self, one: Standing, other: Standing) -> bool:
        """Where names are keys, a directory that holds nothing may as well be none."""
        return one == other or (self._flat and not one and not other and b"" not in (one, other))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Removes both directories, unless something is left in them to be looked at."""
        with self._stack:
            for store, address in ((self._source, self._from), (self._destination, self._to)):
                with suppress(DatamoveError):
                    if store.exists(address.path) and not any(True for _ in store.list(address.path)):
                        store.delete(address.path)


def _below(top: Address, name: str) -> Address:
    return top.with_path(f"{top.path.rstrip('/')}/{name}")


def _make(store: Store, path: str, standing: Standing, modified: float) -> None:
    if standing is None:
        return
    if isinstance(standing, bytes):
        store.put(path, memoryview(standing), Attributes(modified))
        return
    store.make_directory(path)
    for name, content in standing.items():
        if content is None:
            store.make_directory(f"{path}/{name}")
        else:
            store.put(f"{path}/{name}", memoryview(content), Attributes(modified))


def _read(store: Store, path: str) -> Standing:
    if not store.exists(path):
        return None
    if store.stat(path).kind is Kind.FILE:
        return _content(store, path)
    entries = [entry for entry in store.walk(path) if not _HADOOPS.search(entry.path)]
    parents = {entry.path.rpartition("/")[0] for entry in entries}
    return {
        entry.path[len(path) + 1 :]: _content(store, entry.path) if entry.kind is Kind.FILE else None
        for entry in entries
        if entry.kind is Kind.FILE or entry.path not in parents
    }


def _content(store: Store, path: str) -> bytes:
    with store.open(path) as reader:
        return b"".join(iter(lambda: reader.read(2**20), b""))


def _remove(store: Store, path: str) -> None:
    if not store.exists(path):
        return
    entries = list(store.walk(path))
    for entry in [*entries[::-1]]:
        store.delete(entry.path)
    store.delete(path)
