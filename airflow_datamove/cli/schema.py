"""``datamove schema KIND``: the JSON schema of a specification, for editors."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_datamove.spec.defaults import Defaults
from airflow_datamove.spec.fields import Model
from airflow_datamove.spec.pipeline import Pipeline
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.tenant import Tenant

KINDS: dict[str, type[Model]] = {
    "pipeline": Pipeline,
    "defaults": Defaults,
    "tenant": Tenant,
    "platform": Platform,
    "request": CopyRequest,
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("schema", help=text)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **KINDS[arguments.kind].model_json_schema()}
    sys.stdout.write(json.dumps(schema, indent=2) + "\n")
    return 0
