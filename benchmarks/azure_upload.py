"""``datamove copy`` to Azure Blob Storage beside ``rclone copy``: one large file, many small ones, one tiny one.

Both start from nothing: a process of their own, a container of its own in each round. Both move 8 files at a time and
verify what they wrote by MD5.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, Row, WentWrong, compared, in_turns, run_measured, say
from tests.servers import start, stop
from tests.servers.stack import clean_environment

MIB, KIB = 2**20, 2**10
_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Work:
    """What is copied: so many files of so many bytes each."""

    name: str
    files: int
    size: int
    rounds: int


TINY = Work("upload one file of 4 KiB to Azurite (mostly the start)", files=1, size=4 * KIB, rounds=5)
LARGE = Work("upload 512 MiB in one file to Azurite", files=1, size=512 * MIB, rounds=5)
SMALL = Work("upload 5,000 files of 4 KiB to Azurite", files=5_000, size=4 * KIB, rounds=3)


def rows(state: Path) -> list[Row]:
    """Starts Azurite, and measures both works."""
    azurite = start("azurite", state)
    data = state / "upload"
    found = []
    try:
        for work in (TINY, LARGE, SMALL):
            source = _make(work, data)
            say(f"{work.name}: {work.rounds} rounds")
            ours, peer = in_turns(
                work.rounds,
                partial(_ours, work, source, azurite, state),
                partial(_rclone, work, source, azurite, state),
            )
            found += compared(work.name, "rclone", ours, peer)
    finally:
        stop("azurite", state)
        shutil.rmtree(data, ignore_errors=True)
        # Azurite frees a deleted container's bytes minutes later; nobody needs these.
        shutil.rmtree(state / "azurite" / "data", ignore_errors=True)
    return found


def _make(work: Work, data: Path) -> Path:
    """Writes the files, 100 to a folder, of bytes that no one can compress."""
    root = data / f"{work.files}x{work.size}"
    shutil.rmtree(root, ignore_errors=True)
    source = random.Random(work.name)
    for number in range(work.files):
        path = root / f"{number // 100:03}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for _ in range(0, work.size, MIB):
                file.write(source.randbytes(min(MIB, work.size)))
    return root


def _ours(work: Work, source: Path, azurite: Mapping[str, str], state: Path, number: int) -> Cost:
    container = f"ours{number}"
    connection = {"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}}
    env = clean_environment({"AIRFLOW_CONN_BENCH": json.dumps(connection)})
    command = [str(_BIN / "datamove"), "copy", f"{source}/", f"abfs://bench@{container}/data/", "--threads", "8"]
    with _Container(azurite, container, work):
        cost = run_measured([*command, "--json"], env, state / "datamove.log")
        report = json.loads(cost.output)
        if not report["verified_by"] or report["files"] != work.files:
            raise WentWrong(f"the report does not say that all was copied and verified: {report}")
    return cost


def _rclone(work: Work, source: Path, azurite: Mapping[str, str], state: Path, number: int) -> Cost:
    container = f"peer{number}"
    env = clean_environment(
        {
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_AZUREBLOB_ACCOUNT": azurite["account"],
            "RCLONE_AZUREBLOB_KEY": azurite["key"],
            "RCLONE_AZUREBLOB_ENDPOINT": azurite["blob"],
        }
    )
    command = [str(_BIN / "rclone"), "copy", str(source), f":azureblob:{container}/data", "--transfers", "8"]
    with _Container(azurite, container, work):
        return run_measured([*command, "--checkers", "8"], env, state / "rclone.log")


class _Container:
    """A fresh container; at its end it must hold what was to be copied, and goes."""

    def __init__(self, azurite: Mapping[str, str], name: str, work: Work) -> None:
        from azure.storage.blob import BlobServiceClient

        self._service: Any = BlobServiceClient.from_connection_string(azurite["connection_string"])
        self._client: Any = self._service.get_container_client(name)
        self._work = work

    def __enter__(self) -> None:
        if self._client.exists():
            self._client.delete_container()
        self._client.create_container()

    def __exit__(self, failed: type[BaseException] | None, *details: object) -> None:
        try:
            if failed is None:
                self._check()
            self._client.delete_container()
        finally:
            self._service.close()

    def _check(self) -> None:
        # An empty blob may stand for a directory.
        sizes = [blob.size for blob in self._client.list_blobs() if blob.size]
        if sizes != [self._work.size] * self._work.files:
            raise WentWrong(f"the container holds {len(sizes)} files, {sum(sizes)} bytes")
