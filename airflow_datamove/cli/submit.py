"""``datamove submit SOURCE DESTINATION --tenant T``, or ``--file``: puts requests into the queue."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_datamove.cli.airflow import LOGIN, add_api, log_in
from airflow_datamove.cli.requests_shown import ended_well, wait_and_show
from airflow_datamove.client import Requests
from airflow_datamove.errors import SpecError, WrongUse
from airflow_datamove.spec.fields import LANES

_BATCH = 10_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], text: str) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "submit",
        help=text,
        description=f"One request, or with --file one a line. It prints the ids. {LOGIN}",
    )
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="address; * ? [ ] { } are globs")
    parser.add_argument("destination", nargs="?", metavar="DESTINATION", help="address")
    parser.add_argument("--tenant", metavar="NAME", help="for whom")
    parser.add_argument("--lane", choices=LANES[::-1], help="default: normal")
    parser.add_argument("--priority", type=int, metavar="0..99", help="order inside the lane; 99 is first (50)")
    parser.add_argument("--client", metavar="NAME", help="who asks, for the show-back")
    parser.add_argument("--overwrite", choices=["never", "if_changed", "always"], help="default: if_changed")
    parser.add_argument("--deadline", metavar="TIME", help="such as 2h; the answer says whether it will be met")
    parser.add_argument("--idempotency-key", metavar="KEY", help="makes a repeated call harmless")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="any other field; VALUE as JSON; repeatable"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="JSON lines, a request each; - for stdin")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--wait", action="store_true", help="wait for the end; 1 if any did not end well")
    parser.add_argument("--json", action="store_true", help="the answers as JSON lines on stdout")
    add_api(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries out the subcommand."""
    if (arguments.file is None) == (arguments.source is None) or bool(arguments.source) != bool(arguments.destination):
        raise WrongUse("give SOURCE and DESTINATION, or --file FILE", remedy="See datamove submit --help")
    if arguments.file is not None and arguments.dry_run:
        raise WrongUse("--dry-run is for one request", remedy="Give SOURCE and DESTINATION")
    asked = [_request(arguments)] if arguments.file is None else list(_lines(arguments))
    requests = Requests(log_in(arguments))
    if arguments.file is None:
        answers = [requests.submit(asked[0], dry_run=arguments.dry_run)]
    else:
        answers = [
            {**each, "index": at + each["index"]}
            for at in range(0, len(asked), _BATCH)
            for each in requests.submit_many(asked[at : at + _BATCH])
        ]
    for each in answers:
        _tell(each, arguments)
    refused = any(each.get("refused") for each in answers)
    if arguments.wait and not arguments.dry_run:
        ended = wait_and_show(requests, list(dict.fromkeys(each["id"] for each in answers if each.get("id"))))
        return 0 if not refused and ended_well(ended) else 1
    return 1 if refused else 0


def _tell(answer: dict[str, Any], arguments: argparse.Namespace) -> None:
    if arguments.json or arguments.dry_run:
        sys.stdout.write(f"{json.dumps(answer)}\n")
    elif answer.get("refused"):
        sys.stderr.write(f"datamove: {arguments.file}:{answer['index'] + 1}: {answer['refused']}\n")
    else:
        sys.stdout.write(f"{answer['id']}\n")


def _request(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.tenant:
        raise WrongUse("no tenant is named", remedy="Give --tenant NAME")
    fields = ("source", "destination", *_FIELDS)
    request = {name: getattr(arguments, name) for name in fields if getattr(arguments, name) is not None}
    for each in arguments.set:
        name, equals, value = each.partition("=")
        if not equals:
            raise WrongUse(f"--set {each}: no FIELD=VALUE", remedy="Write --set mirror=true")
        try:
            request[name] = json.loads(value)
        except ValueError:
            request[name] = value
    return request


_FIELDS = ("tenant", "lane", "priority", "client", "overwrite", "deadline", "idempotency_key")


def _lines(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    usual = {name: getattr(arguments, name) for name in _FIELDS if getattr(arguments, name) is not None}
    text = sys.stdin.read() if str(arguments.file) == "-" else arguments.file.read_text("utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            raise SpecError(f"{arguments.file}:{number}: an empty line", remedy="Write one request a line")
        try:
            values = json.loads(line)
        except ValueError as error:
            raise SpecError(f"{arguments.file}:{number}: no JSON: {error}", remedy="Write one request a line") from None
        if not isinstance(values, dict):
            raise SpecError(f"{arguments.file}:{number}: no object", remedy='Write {"source": ..., "destination": ...}')
        yield {**usual, **values}
