"""What a planned command needs where the client runs: a script, and the files that it names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.plan import Command
from airflow_datamove.distcp.tether import tethered
from airflow_datamove.errors import Refused

# Linux takes 128 KiB for one argument and about 2 MiB for all; beyond this the sources go into a file.
_LONGEST_COMMAND = 96 * 1024

Place = Callable[[str, "Path | bytes"], str]
"""Puts a file, or bytes, where the client sees them, under a name of its own; gives the path there."""


def script_of(cluster: Cluster, command: Command, folder: str, place: Place, ticket: bytes = b"") -> str:
    """The script that runs a command's client, for bash; see :mod:`airflow_datamove.distcp.tether`.

    :param folder: a folder of the client's machine that is nobody else's, removed at the end.
    :param place: called for each file that the client needs.
    :param ticket: a Kerberos ticket cache for the client; empty: what is there serves.
    :raises Refused: if a name cannot be given to the client.
    """
    jar = place("datamove.jar", command.jar) if command.jar else ""
    environment = {
        # Java would write Unicode names as question marks in any locale but a UTF-8 one.
        "LC_ALL": "C.UTF-8",
        # The lines that name the job are logged at INFO.
        "HADOOP_ROOT_LOGGER": "INFO,console",
    }
    if cluster.conf_dir:
        environment["HADOOP_CONF_DIR"] = cluster.conf_dir
    if cluster.user:
        environment["HADOOP_USER_NAME"] = cluster.user
    if jar:
        environment["HADOOP_CLASSPATH"] = jar
    if ticket:
        environment["KRB5CCNAME"] = f"FILE:{place('ticket', ticket)}"
    words = [*cluster.words(jar), *_arguments(command, place)]
    return tethered(words, environment, folder)


def _arguments(command: Command, place: Place) -> list[str]:
    listing = Path(place("listing", command.listing)).as_uri() if command.listing else ""
    arguments = command.arguments_with(listing)
    if sum(len(os.fsencode(each)) + 1 for each in arguments) <= _LONGEST_COMMAND:
        return arguments
    if any("\n" in source or "\r" in source for source in command.sources):
        raise Refused("a line break in a name cannot stand in DistCp's list of sources", remedy="Take the worker route")
    sources = place("sources", "".join(f"{source}\n" for source in command.sources).encode())
    end = len(arguments) - len(command.sources) - 1
    return [*arguments[:end], "-f", Path(sources).as_uri(), command.target]
