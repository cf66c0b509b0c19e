"""``datamove pools FOLDER``: Airflow's pools, as the links of platform.yaml want them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.errors import SpecError, WrongUse
from airflow_datamove.scheduling.links import pools_of
from airflow_datamove.scheduling.pools import PoolsApi, importable
from airflow_datamove.spec.folder import PLATFORM_FILE, read_model
from airflow_datamove.spec.mistakes import Mistake
from airflow_datamove.spec.platform import Platform

_HELP = "make Airflow's pools as the links of platform.yaml want them"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "pools",
        help=text,
        description=f"Prints what would change; with --apply, changes it. {LOGIN}",
    )
    parser.add_argument("folder", type=Path, help=f"the folder that holds {PLATFORM_FILE}")
    where = parser.add_mutually_exclusive_group()
    add_api(where)
    where.add_argument("--export", metavar="FILE", type=Path, help="write the file that `airflow pools import` reads")
    parser.add_argument("--apply", action="store_true", help="change the pools")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    pools = pools_of(_platform(arguments.folder))
    if arguments.export and arguments.apply:
        raise WrongUse("--export writes a file and changes no Airflow", remedy="Leave out --apply")
    if arguments.export:
        arguments.export.write_text(json.dumps(importable(pools), indent=2) + "\n", "utf-8")
        return 0
    api = PoolsApi(log_in(arguments, otherwise=", or give --export FILE for `airflow pools import`"))
    changes = api.changes(pools)
    for change in changes:
        sys.stdout.write(f"{change}\n")
    if not changes:
        sys.stdout.write(f"nothing to change: {len(pools)} pools are as they should be\n")
    elif arguments.apply:
        api.apply(changes)
        sys.stdout.write(f"changed {_counted(len(changes))}\n")
    else:
        sys.stdout.write(f"{_counted(len(changes))} to change; --apply does it\n")
    return 0


def _counted(pools: int) -> str:
    return f"{pools} {'pool' if pools == 1 else 'pools'}"


def _platform(folder: Path) -> Platform:
    path = folder / PLATFORM_FILE if folder.is_dir() else folder
    if not path.exists():
        raise WrongUse(f"there is no {path}", remedy=f"Name the folder that holds {PLATFORM_FILE}")
    try:
        return read_model(path, str(path), Platform)[0]
    except ExceptionGroup as group:
        raise SpecError("; ".join(str(each) for each in group.exceptions if isinstance(each, Mistake))) from None
