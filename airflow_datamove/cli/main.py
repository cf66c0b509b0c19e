"""``datamove``: finds the subcommand, and turns errors into one line and an exit code.

A subcommand is a module with ``add_parser(subparsers, help)``, which sets ``run``, a function from the parsed arguments
to an exit code.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, TextIO

from airflow_datamove import __version__
from airflow_datamove.errors import DatamoveError, WrongUse

_SUBCOMMANDS = {
    "copy": "copy a file, a directory, what a glob matches or what a manifest names",
    "plan": "say what copy would do; moves nothing",
    "check-rule": "try the path rule on your own stores and cluster",
    "submit": "put copy requests into Airflow's queue",
    "status": "show how requests are",
    "list": "find requests",
    "wait": "wait until requests have ended",
    "cancel": "cancel requests; end DistCp jobs on YARN",
    "retry": "put requests that failed back into the queue",
    "db": "make, check or prune the database of requests",
    "sweep": "remove what copies that were given up have left behind",
    "lint": "check a folder of tenants and pipelines",
    "render": "draw a pipeline's graph, as text or as an image",
    "new": "write a commented start of a tenant or a pipeline",
    "schema": "print the JSON schema of a specification, for editors",
    "pools": "make the pools of an Airflow from platform.yaml",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    :param arguments: what follows the program's name; by default those of this process.
    :return: the exit code: 0 done, 1 failed, 2 wrong use.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not logging.root.handlers:  # otherwise Python writes the SDKs' warnings to stderr, between our own lines
        logging.root.addHandler(logging.NullHandler())
    try:
        parsed = _parser(arguments[0] if arguments else "").parse_args(arguments)
        code = int(parsed.run(parsed))
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse has told what is wrong, or has shown the help
        return int(end.code or 0)
    except BrokenPipeError:  # who read the output has seen enough
        _drop_output()
        return 1
    except KeyboardInterrupt:
        _tell("interrupted")
        return 1
    except Exception as error:
        _tell(one_line(error))
        _drop_output()
        return 2 if isinstance(error, WrongUse) else 1


def one_line(error: Exception) -> str:
    """What an error says, with its line breaks shown, so that a name that holds one does not forge a second message."""
    if isinstance(error, DatamoveError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _tell(text: str) -> None:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"datamove: {text}\n")
    _drop(sys.stderr)


def _drop_output() -> None:
    _drop(sys.stdout)


def _drop(stream: TextIO | None) -> None:
    """Writes what is left in a stream; if that fails, lets Python not try again, and complain, at its end."""
    if stream is None:  # it was closed from the start
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        # An abbreviation that works today would mean something else once an option with its letters comes.
        super().__init__(**{**settings, "allow_abbrev": False})
        # A number below zero is a value with a mistake in it, whatever unit follows, and no option of ours.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help\n")


def _parser(first: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="datamove",
        description="Move files between local disks, HDFS, Azure, Google Cloud, S3, SFTP and HTTP addresses.",
    )
    parser.add_argument("--version", action="version", version=f"datamove {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    if first in _SUBCOMMANDS:
        import_module(f"airflow_datamove.cli.{first.replace('-', '_')}").add_parser(subparsers, _SUBCOMMANDS[first])
    else:
        # Only told: some of them need libraries that take a second to import.
        for name, text in _SUBCOMMANDS.items():
            subparsers.add_parser(name, help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main())
