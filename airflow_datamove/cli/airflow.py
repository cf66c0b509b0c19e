"""Which Airflow a subcommand talks to, and by which login."""

from __future__ import annotations

import argparse
import os

from airflow_datamove.address import carries_credential
from airflow_datamove.client import AirflowApi
from airflow_datamove.errors import WrongUse

LOGIN = "Login: DATAMOVE_API_TOKEN, or DATAMOVE_API_USERNAME and DATAMOVE_API_PASSWORD."
"""For a subcommand's description."""


def add_api(parser: argparse._ActionsContainer) -> None:
    """Adds ``--api``."""
    parser.add_argument("--api", metavar="URL", help="Airflow's API server (default: $DATAMOVE_API_URL)")


def log_in(arguments: argparse.Namespace, *, otherwise: str = "") -> AirflowApi:
    """Logs in at the Airflow that is named.

    :param otherwise: what else the user may do instead of naming one.
    :raises WrongUse: if none is named, or its address carries a login.
    :raises PermissionDenied: if it refuses the login.
    """
    url = arguments.api or os.environ.get("DATAMOVE_API_URL")
    if not url:
        raise WrongUse("no Airflow is named", remedy=f"Give --api URL, or set DATAMOVE_API_URL{otherwise}")
    if "@" in url or carries_credential(url):
        raise WrongUse(
            "the address of Airflow carries a login",
            remedy="Put it into DATAMOVE_API_USERNAME and DATAMOVE_API_PASSWORD, or DATAMOVE_API_TOKEN",
        )
    return AirflowApi(
        url,
        username=os.environ.get("DATAMOVE_API_USERNAME", ""),
        password=os.environ.get("DATAMOVE_API_PASSWORD", ""),
        token=os.environ.get("DATAMOVE_API_TOKEN", ""),
    )
