"""S3 (SeaweedFS) beside rclone and s5cmd: one large file and many small ones, up and down."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contest import OURS, contest, server_cpu
from benchmarks.ends import LARGE, S3, SMALL, Work, check_folder, fresh_folder, make_files, ours, peer, repeatedly
from benchmarks.measure import Cost, Row, WentWrong
from tests.servers import start, stop

# (work, bar up beside the better of both peers, bar down)
_BARS: tuple[tuple[Work, float, float], ...] = ((LARGE, 1.1, 0.8), (SMALL, 1.0, 1.0))
_PEERS = ("rclone", "s5cmd")


def rows(state: Path) -> list[Row]:
    """Starts SeaweedFS, and measures."""
    server = start("seaweedfs", state)
    found: list[Row] = []
    try:
        for work, up, down in _BARS:
            source = make_files(work, state / "data")
            found += _up(work, source, server, state, dict.fromkeys(_PEERS, up))
            found += _down(work, source, server, state, dict.fromkeys(_PEERS, down))
    finally:
        stop("seaweedfs", state)
        shutil.rmtree(state / "seaweedfs" / "data", ignore_errors=True)
        shutil.rmtree(state / "down", ignore_errors=True)
    return found


def _up(work: Work, source: Path, server: Any, state: Path, bars: Mapping[str, float]) -> list[Row]:
    def copy(name: str, number: int) -> Cost:
        there = S3(server, f"up-{name}-{work.files}-{number}", "data")
        with Bucket(there, work):
            return _by(name, source, there, state, work)

    clients: dict[str, Callable[[int], Cost]] = {name: partial(copy, name) for name in (OURS, *bars)}
    return contest(f"{work.name} to S3", work.rounds, clients, servers=partial(server_cpu, state), walls=bars)


def _down(work: Work, source: Path, server: Any, state: Path, bars: Mapping[str, float]) -> list[Row]:
    there = S3(server, f"down-{work.files}", "data")
    with Bucket(there, work):
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
        return contest(f"{work.name} from S3", work.rounds, clients, servers=partial(server_cpu, state), walls=bars)


def _by(name: str, source: Path | S3, destination: Path | S3, state: Path, work: Work) -> Cost:
    if name == OURS:
        return ours(source, destination, state, work)
    return peer(name, source, destination, state, at_once=16 if name == "rclone" else None)


class Bucket:
    """A fresh bucket; at its end it must hold what was to be copied, and goes."""

    def __init__(self, end: S3, work: Work) -> None:
        import botocore.session

        facts = end.facts
        self._client: Any = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=facts["url"],
            aws_access_key_id=facts["access_key"],
            aws_secret_access_key=facts["secret_key"],
            region_name=facts["region"],
        )
        self._bucket, self._work = end.bucket, work

    def __enter__(self) -> None:
        self._client.create_bucket(Bucket=self._bucket)

    def __exit__(self, failed: type[BaseException] | None, *details: object) -> None:
        found = {
            each["Key"]: each["Size"]
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
            for each in page.get("Contents", [])
        }
        keys = list(found)
        for start_at in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[start_at : start_at + 1000]]
            self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
        self._client.delete_bucket(Bucket=self._bucket)
        sizes = [size for size in found.values() if size]
        if failed is None and sizes != [self._work.size] * self._work.files:
            raise WentWrong(f"the bucket holds {len(sizes)} files, {sum(sizes)} bytes")
