"""Azure Blob Storage (Azurite) beside rclone and azcopy: one large file and many small ones, up and down."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contest import OURS, contest, server_cpu
from benchmarks.ends import LARGE, SMALL, Blob, Work, check_folder, fresh_folder, make_files, ours, peer, repeatedly
from benchmarks.measure import Cost, Row, WentWrong
from tests.servers import start, stop

# (work, peers with their bars up, CPU bar up, peers with their bars down, CPU bar down)
_BARS: tuple[tuple[Work, Mapping[str, float], float, Mapping[str, float], float], ...] = (
    (LARGE, {"rclone": 1.0, "azcopy": 1.5}, 0.6, {"rclone": 1.0, "azcopy": 1.5}, 1.5),
    (SMALL, {"rclone": 1.4, "azcopy": 1.0}, 0.5, {"rclone": 1.15, "azcopy": 1.0}, 0.7),
)


def rows(state: Path) -> list[Row]:
    """Starts Azurite, and measures."""
    azurite = start("azurite", state)
    found: list[Row] = []
    try:
        for work, up, up_cpu, down, down_cpu in _BARS:
            source = make_files(work, state / "data")
            found += _up(work, source, azurite, state, up, up_cpu)
            found += _down(work, source, azurite, state, down, down_cpu)
    finally:
        stop("azurite", state)
        # Azurite frees a deleted container's bytes minutes later; nobody needs these.
        shutil.rmtree(state / "azurite" / "data", ignore_errors=True)
        shutil.rmtree(state / "down", ignore_errors=True)
    return found


def _up(work: Work, source: Path, azurite: Any, state: Path, bars: Mapping[str, float], cpu: float) -> list[Row]:
    def copy(name: str, number: int) -> Cost:
        there = Blob(azurite, f"up-{name}-{number}", "data")
        with Container(there, work):
            return _by(name, source, there, state, work)

    clients: dict[str, Callable[[int], Cost]] = {name: partial(copy, name) for name in (OURS, *bars)}
    return contest(
        f"{work.name} to Azurite", work.rounds, clients, servers=partial(server_cpu, state), walls=bars, cpu=cpu
    )


def _down(work: Work, source: Path, azurite: Any, state: Path, bars: Mapping[str, float], cpu: float) -> list[Row]:
    there = Blob(azurite, f"down-{work.files}", "data")
    with Container(there, work):
        ours(source, there, state, work)

        def copy(name: str, number: int) -> Cost:
            return _by(name, there, state / "down" / name, state, work)

        def check(name: str, number: int) -> None:
            check_folder(state / "down" / name, work)
            fresh_folder(state, name)

        clients: dict[str, Callable[[int], Cost]] = {}
        for name in (OURS, *bars):
            fresh_folder(state, name)
            clients[name] = repeatedly(partial(copy, name), partial(check, name))
        return contest(
            f"{work.name} from Azurite", work.rounds, clients, servers=partial(server_cpu, state), walls=bars, cpu=cpu
        )


def _by(name: str, source: Path | Blob, destination: Path | Blob, state: Path, work: Work) -> Cost:
    if name == OURS:
        return ours(source, destination, state, work)
    at_once = 16 if name == "rclone" else None
    return peer(name, source, destination, state, at_once=at_once)


class Container:
    """A fresh container; at its end it must hold what was to be copied, and goes."""

    def __init__(self, blob: Blob, work: Work, *, check: bool = True) -> None:
        from azure.storage.blob import BlobServiceClient

        self._service: Any = BlobServiceClient.from_connection_string(blob.facts["connection_string"])
        self._client: Any = self._service.get_container_client(blob.container)
        self._work, self._check = work, check

    def __enter__(self) -> None:
        if self._client.exists():
            self._client.delete_container()
        self._client.create_container()

    def __exit__(self, failed: type[BaseException] | None, *details: object) -> None:
        try:
            if failed is None and self._check:
                # An empty blob may stand for a directory.
                sizes = [blob.size for blob in self._client.list_blobs() if blob.size]
                if sizes != [self._work.size] * self._work.files:
                    raise WentWrong(f"the container holds {len(sizes)} files, {sum(sizes)} bytes")
            self._client.delete_container()
        finally:
            self._service.close()
