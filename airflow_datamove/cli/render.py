"""``datamove render TENANT/PIPELINE``: a pipeline's graph, as text or as an SVG image."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_datamove.cli.in_folder import root_of, tenant_and_pipeline
from airflow_datamove.errors import WrongUse
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.spec.drawing import as_svg, as_text, draw
from airflow_datamove.spec.folder import read_folder


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "render",
        help=text,
        description="@ what starts it, ? its pre-conditions, * its steps with what they follow, = the assets that its "
        "end tells of.",
    )
    parser.add_argument("pipeline", metavar="TENANT/PIPELINE")
    parser.add_argument(
        "--folder", type=Path, default=Path(), metavar="PATH", help="the platform's folder, or anything inside it (.)"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write an image instead; - is the standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    tenant, pipeline = tenant_and_pipeline(arguments.pipeline)
    folder = check_folder(read_folder(root_of(arguments.folder), tenant=tenant))
    found = folder.tenants[tenant].pipelines.get(pipeline) if tenant in folder.tenants else None
    if found is None:
        for mistake in folder.mistakes:
            sys.stderr.write(f"{mistake.full()}\n")
        remedy = "Mend the mistakes above" if folder.mistakes else "datamove lint tells which there are"
        raise WrongUse(f"there is no sound pipeline {arguments.pipeline}", remedy=remedy)
    drawing = draw(f"{tenant}.{pipeline}", found.pipeline)
    if arguments.svg is None:
        sys.stdout.write(as_text(drawing))
    elif str(arguments.svg) == "-":
        sys.stdout.write(as_svg(drawing))
    else:
        arguments.svg.write_text(as_svg(drawing), "utf-8")
    return 0
