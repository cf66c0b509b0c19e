"""``datamove plan SOURCE DESTINATION``: says what ``copy`` would do, and moves nothing."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from airflow_datamove.cli.request import CopyArguments, add_arguments, read_arguments
from airflow_datamove.errors import ClusterUnavailable, PathConflict
from airflow_datamove.quantity import counted, format_rate, format_size
from airflow_datamove.stores.contract import Measure
from airflow_datamove.transfer.copy import prepare_copy
from airflow_datamove.transfer.options import Route
from airflow_datamove.transfer.path_rule import Root
from airflow_datamove.transfer.plan import CopyPlan
from airflow_datamove.transfer.route import RouteDecision

if TYPE_CHECKING:
    from airflow_datamove.distcp.job import DistCpJob

_SHOWN = 20
_HELD = "the destination cannot hold this name"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "plan",
        help=text,
        description="Exit code 0: it can be done; 1: something stands in the way, files would fail, or DistCp is "
        "needed and its cluster or its client is not there.",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    request = read_arguments(arguments)
    decision, measure = request.measured() if request.may_need_cluster() else (None, None)
    if decision is not None and measure is not None and decision.route is Route.DISTCP:
        found = _by_distcp(request, decision, measure)
    else:
        with prepare_copy(request.source, request.destination, request.connections, request.options) as prepared:
            plan = prepared.plan
            decision = decision or request.decide(plan.files, plan.bytes, server_side=prepared.server_side)
            found = _found(request, plan, decision)
    sys.stdout.write(f"{json.dumps(found) if arguments.json else _for_people(found)}\n")
    return 1 if found["conflicts"] or found["would_fail"] or found.get("cluster") else 0


def _by_distcp(request: CopyArguments, decision: RouteDecision, measure: Measure) -> dict[str, Any]:
    """The plan with the command that ``copy`` would run, but for the job's tag and the list."""
    from airflow_datamove.distcp.job import DistCpJob, DistCpRequest
    from airflow_datamove.distcp.sizing import DEFAULT_RATE, size_job

    source, destination = request.source, request.destination
    maps, bandwidth = size_job(measure.files, measure.bytes, 1, request.options.rate or DEFAULT_RATE)
    name = f"datamove {source} -> {destination}"
    asked = DistCpRequest(source, destination, request.options, "datamove-plan", name, maps, bandwidth)
    job = DistCpJob(request.connections.get(request.hadoop), request.connections)
    cluster = {"cluster": _missing(job)}
    try:
        prepared = job.prepare(asked)
    except PathConflict as error:
        return _found(request, CopyPlan(Root.DIRECTORY, conflicts=[error.message]), decision) | cluster
    try:
        found = _found(request, prepared.plan, decision) | cluster
        if (command := prepared.command) is not None:
            words = job.cluster.words(str(command.jar or ""))
            found |= {"maps": maps, "rate": maps * bandwidth, "command": [*words, *command.arguments]}
            found |= {"jar": str(command.jar or ""), "list": str(command.listing or "")}
            found["minutes"] = round(prepared.bytes / (maps * bandwidth) / 60, 1)
        return found
    finally:
        prepared.close()


def _missing(job: DistCpJob) -> str:
    """What ``copy`` would fail for at once; empty if there is a client, and a resource manager that answers."""
    try:
        job.check()
    except ClusterUnavailable as error:
        return str(error)
    return ""


def _found(request: CopyArguments, plan: CopyPlan, decision: RouteDecision) -> dict[str, Any]:
    return {
        "source": str(request.source),
        "destination": str(request.destination),
        "files": len(plan.copies),
        "bytes": plan.copy_bytes,
        "would_skip": plan.skipped,
        "would_delete": len(plan.deletes),
        "directories": plan.directories,
        "special": plan.special,
        "filtered": plan.filtered,
        "would_fail": len(plan.missing) + plan.refused_count,
        "failures": [f"{path}: {error}" for path, error in plan.missing]
        + [f"{each!r}: {_HELD}" for each in plan.refused],
        "route": str(decision.route),
        "reason": decision.reason,
        "conflicts": plan.conflicts,
    }


def _for_people(found: dict[str, Any]) -> str:
    lines = [
        f"{'copy':<12}{counted(found['files'], 'file')}, {format_size(found['bytes'])}",
        f"{'skip':<12}{counted(found['would_skip'], 'file')}",
        f"{'delete':<12}{counted(found['would_delete'], 'file or directory', 'files and directories')}",
        f"{'left out':<12}{counted(found['special'], 'symlink or special file', 'symlinks and special files')}",
        f"{'route':<12}{found['route']} ({found['reason']})",
    ]
    if "cluster" in found:
        lines.append(f"{'cluster':<12}{found['cluster'] or 'answers, and its client is there'}")
    if "command" in found:
        lines.append(f"{'maps':<12}{found['maps']} at once, {format_rate(found['rate'])} together")
        lines.append(f"{'minutes':<12}{found['minutes']} at that rate, besides the job's start")
        lines.append(f"{'command':<12}{shlex.join(found['command'])}")
        if found["list"]:
            by_hand = "shown, and not to be run: its list is gone with this plan, its tag is not a job's"
            lines.append(f"{'':<12}{by_hand}; HADOOP_CLASSPATH is {found['jar']}")
    lines += _some("would fail", found["failures"], found["would_fail"])
    lines += _some("conflict", found["conflicts"], len(found["conflicts"]))
    return "\n".join(line.replace("\n", "\\n") for line in lines)


def _some(what: str, sentences: list[str], count: int) -> list[str]:
    lines = [f"{what:<12}{each}" for each in sentences[:_SHOWN]]
    return [*lines, f"{'':<12}and {count - _SHOWN} more"] if count > _SHOWN else lines
