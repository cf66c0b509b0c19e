"""What is copied in the benchmarks, and from where to where."""

from __future__ import annotations

import json
import random
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Cost, WentWrong, run_measured
from benchmarks.peers import PEERS, S3, Blob, End
from tests.conftest import s3_connection
from tests.servers.stack import clean_environment

MIB, KIB = 2**20, 2**10
DATAMOVE = Path(sys.executable).parent / "datamove"


@dataclass(frozen=True)
class Work:
    """So many files of so many bytes each."""

    name: str
    files: int
    size: int
    rounds: int = 5


LARGE = Work("512 MiB in one file", files=1, size=512 * MIB)
SMALL = Work("5,000 files of 4 KiB", files=5_000, size=4 * KIB)


def make_files(work: Work, folder: Path) -> Path:
    """Writes the files, 100 to a folder, of bytes that no one can compress; once."""
    root = folder / f"{work.files}x{work.size}"
    if root.exists():
        return root
    temporary = folder / f".{uuid.uuid4().hex}"
    source = random.Random(work.name)
    for number in range(work.files):
        path = temporary / f"{number // 100:03}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for _ in range(0, work.size, MIB):
                file.write(source.randbytes(min(MIB, work.size)))
    temporary.rename(root)
    return root


def ours(source: End, destination: End, state: Path, work: Work, *, more: Iterable[str] = ()) -> Cost:
    """One copy by ``datamove copy``, from nothing.

    :raises WentWrong: if it fails, or does not say that it copied and verified everything.
    """
    env: dict[str, str] = {}
    names = [_address(name, end, env) for name, end in (("source", source), ("destination", destination))]
    command = [str(DATAMOVE), "copy", *names, "--json", *more]
    cost = run_measured(command, clean_environment(env), state / "datamove.log")
    report = json.loads(cost.output)
    if not report["verified_by"] or report["files"] != work.files or report["bytes"] != work.files * work.size:
        raise WentWrong(f"the report does not say that all was copied and verified: {report}")
    return cost


def peer(name: str, source: End, destination: End, state: Path, *, at_once: int | None = None) -> Cost:
    """One copy by a peer, from nothing."""
    command = PEERS[name](source, destination, state / "scratch", at_once=at_once)
    return run_measured(command.argv, command.env, state / f"{name}.log")


def fresh_folder(state: Path, who: str) -> Path:
    """An empty folder for what is copied to the disk."""
    folder = state / "down" / who
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def check_folder(folder: Path, work: Work) -> None:
    """Makes sure that a copy to the disk is whole."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    if sizes != [work.size] * work.files:
        raise WentWrong(f"{folder} holds {len(sizes)} files, {sum(sizes)} bytes")


def repeatedly(copy: Callable[[int], Cost], check: Callable[[int], None]) -> Callable[[int], Cost]:
    """A copy whose result is checked afterwards, outside what is measured."""

    def both(number: int) -> Cost:
        cost = copy(number)
        check(number)
        return cost

    return both


def _address(name: str, end: End, env: dict[str, str]) -> str:
    if isinstance(end, Path):
        return f"{end}/"
    if isinstance(end, Blob):
        connection: Mapping[str, object] = {
            "conn_type": "wasb",
            "host": end.facts["blob"],
            "login": end.facts["account"],
            "password": end.facts["key"],
        }
        place = f"abfs://{name}@{end.container}/{end.folder}/"
    else:
        connection = s3_connection(dict(end.facts))
        place = f"s3://{name}@{end.bucket}/{end.folder}/"
    env[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)
    return place


__all__ = [
    "DATAMOVE",
    "KIB",
    "LARGE",
    "MIB",
    "S3",
    "SMALL",
    "Blob",
    "End",
    "Work",
    "check_folder",
    "fresh_folder",
    "make_files",
    "ours",
    "peer",
    "repeatedly",
]
