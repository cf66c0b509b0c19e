"""``datamove plan SOURCE DESTINATION``: says what ``copy`` would do, and moves nothing."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from airflow_datamove.cli.request import add_arguments, read_arguments
from airflow_datamove.quantity import format_size
from airflow_datamove.transfer.copy import prepare_copy

_SHOWN = 20


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "plan",
        help=text,
        description="Exit code 0: it can be done; 1: something stands in the way.",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    request = read_arguments(arguments)
    with prepare_copy(request.source, request.destination, request.connections, request.options) as prepared:
        plan = prepared.plan
        decision = request.decide(plan.files, plan.bytes, server_side=prepared.server_side)
        found: dict[str, Any] = {
            "source": str(request.source),
            "destination": str(request.destination),
            "files": len(plan.copies),
            "bytes": plan.copy_bytes,
            "would_skip": plan.skipped,
            "would_delete": len(plan.deletes),
            "directories": plan.directories,
            "special": plan.special,
            "filtered": plan.filtered,
            "route": str(decision.route),
            "reason": decision.reason,
            "conflicts": plan.conflicts,
        }
    sys.stdout.write(f"{json.dumps(found) if arguments.json else _for_people(found)}\n")
    return 1 if found["conflicts"] else 0


def _for_people(found: dict[str, Any]) -> str:
    lines = [
        f"{'copy':<12}{found['files']} files, {format_size(found['bytes'])}",
        f"{'skip':<12}{found['would_skip']} files",
        f"{'delete':<12}{found['would_delete']} files and directories",
        f"{'left out':<12}{found['special']} symlinks and special files",
        f"{'route':<12}{found['route']} ({found['reason']})",
    ]
    conflicts: list[str] = found["conflicts"]
    lines += [f"{'conflict':<12}{each}" for each in conflicts[:_SHOWN]]
    if len(conflicts) > _SHOWN:
        lines.append(f"{'':<12}and {len(conflicts) - _SHOWN} more")
    return "\n".join(line.replace("\n", "\\n") for line in lines)
