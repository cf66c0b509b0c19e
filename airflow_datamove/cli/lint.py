"""``datamove lint PATH...``: every mistake in the YAML, with file, line and remedy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_datamove.cli.in_folder import root_of
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.folder import PLATFORM_FILE, read_folder

_HELP = "find every mistake in platform.yaml and the tenants' YAML"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "lint", help=text, description="Exit code 0: no mistake; 1: mistakes, each with file, line and remedy."
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help=f"a folder with {PLATFORM_FILE}, or anything inside one"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    shown: dict[str, None] = {}
    checked = 0
    for path in arguments.paths:
        root = root_of(path)
        below = "" if path.resolve() == root else path.resolve().relative_to(root).as_posix()
        folder = check_folder(read_folder(root))
        checked += sum(len(tenant.pipelines) for tenant in folder.tenants.values())
        for mistake in folder.mistakes:
            # A mistake above a path (the platform, the tenant) is one of the path too.
            if not below or mistake.file.startswith(below) or mistake.file == PLATFORM_FILE:
                shown[mistake.full()] = None
    for text in shown:
        sys.stderr.write(f"{text}\n")
    if shown:
        sys.stderr.write(f"{len(shown)} {'mistake' if len(shown) == 1 else 'mistakes'}\n")
        return 1
    sys.stdout.write(f"no mistakes; {checked} sound {'pipeline' if checked == 1 else 'pipelines'}\n")
    return 0
