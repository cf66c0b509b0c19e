"""``datamove new tenant NAME`` and ``datamove new pipeline TENANT/NAME``: a commented start, without mistakes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_datamove.cli.in_folder import root_of, tenant_and_pipeline
from airflow_datamove.errors import SpecError, WrongUse
from airflow_datamove.spec.fields import check_name
from airflow_datamove.spec.folder import PIPELINE_SUFFIX, TENANT_FILE, TENANTS_FOLDER, Folder, read_folder
from airflow_datamove.spec.tenant import Tenant

_TENANT = """\
# What {name} may read and write, and how much of the link it may take. The platform team owns this file.
owner: {owner}  # whom to ask
link: {link}  # one of platform.yaml

# Folders; each ends with a slash. Credentials are in the Airflow connection that stands before the @.
read: []
  # - hdfs://onprem@/data/{name}/
write: []
  # - gs://{connection}@{name}-lake/

# share: 1            # its weight among the tenants of the link
# max_lane: normal    # the highest lane that it may use: bulk, normal or urgent
# max_slots: 1        # the most slots of the link that one copy may take
# access: {{{name}-team: {{DAGs: [can_read, can_edit], DAG Runs: [can_create]}}}}
"""

_PIPELINE = """\
# The pipeline {tenant}.{name}. Every field: docs/pipelines.md; `datamove lint` finds mistakes, `datamove render
# {tenant}/{name}` draws it.
description: What it is for, in one line
# schedule: "0 2 * * *"       # five cron fields or @daily; without it, runs are asked for
# timezone: Europe/Berlin     # where the schedule's hours are meant; UTC if left out
# after: [another_pipeline]   # instead of a schedule: run whenever these have come

# when:                       # wait until something stands somewhere
#   - exists: {source}_SUCCESS

steps:
  {name}:
    copy:
      source: {source}
      destination: {destination}
      # overwrite: if_changed     # or never, always
      # include: ["*.csv"]
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("new", help=text)
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    for kind, metavar, make in (("tenant", "NAME", _new_tenant), ("pipeline", "TENANT/NAME", _new_pipeline)):
        each = kinds.add_parser(kind, help=f"a commented start of a {kind}")
        each.add_argument("name", metavar=metavar)
        each.add_argument(
            "--folder", type=Path, default=Path(), metavar="PATH", help="the platform's folder, or anything inside it"
        )
        if kind == "tenant":
            each.add_argument("--owner", default="nobody@example.com", metavar="E-MAIL", help="whom to ask")
        each.set_defaults(run=make)


def _new_tenant(arguments: argparse.Namespace) -> int:
    root = root_of(arguments.folder)
    try:
        name = check_name(arguments.name)
    except SpecError as error:
        raise WrongUse(error.message, remedy=error.remedy) from None
    folder = _sound_platform(root)
    assert folder.platform is not None
    text = _TENANT.format(
        name=name,
        owner=arguments.owner,
        link=min(folder.platform.links),
        connection=name.replace("-", "_"),
    )
    return _write(root, root / TENANTS_FOLDER / name / TENANT_FILE, text)


def _new_pipeline(arguments: argparse.Namespace) -> int:
    root = root_of(arguments.folder)
    tenant, name = tenant_and_pipeline(arguments.name)
    _sound_platform(root)
    folder = read_folder(root, tenant=tenant)
    if tenant not in folder.tenants:
        remedy = f"datamove lint shows why, or make it: datamove new tenant {tenant}"
        raise WrongUse(f"there is no sound tenant {tenant!r}", remedy=remedy)
    limits: Tenant = folder.tenants[tenant].tenant
    if not limits.read or not limits.write:
        raise WrongUse(
            f"tenant {tenant!r} may not read or not write anything yet",
            remedy=f"Fill read: and write: in {TENANT_FILE}",
        )
    text = _PIPELINE.format(
        tenant=tenant,
        name=name,
        source=f"{limits.read[0]}{name}/",
        destination=f"{limits.write[0]}{name}/",
    )
    if name in (folder.tenants[tenant].known or ()):
        raise WrongUse(f"there is a pipeline {tenant}/{name} already", remedy="Take another name")
    return _write(root, root / TENANTS_FOLDER / tenant / f"{name}{PIPELINE_SUFFIX}", text)


def _sound_platform(root: Path) -> Folder:
    folder = read_folder(root, tenant="")
    if folder.platform is None:
        raise WrongUse("platform.yaml is not sound", remedy="datamove lint shows what is wrong")
    return folder


def _write(root: Path, path: Path, text: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUse(f"there is {path.relative_to(root)} already", remedy="Take another name, or change it") from None
    sys.stdout.write(f"{path.relative_to(root)}\n")
    return 0
