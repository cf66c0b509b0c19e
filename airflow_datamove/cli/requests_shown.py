"""Requests as a table, as they are or as they go on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_datamove.client import Requests
from airflow_datamove.quantity import format_size

if TYPE_CHECKING:
    from rich.table import Table

_MOST_SHOWN = 30


def ended_well(requests: Iterable[dict[str, Any]]) -> bool:
    """Whether all have done what they were to do."""
    return all(each["state"] in ("done", "handled") for each in requests)


def wait_and_show(requests: Requests, ids: Sequence[str], *, seconds: float | None = None) -> list[dict[str, Any]]:
    """Waits for the end of requests; on a terminal they are seen as they go on."""
    if not sys.stderr.isatty():
        return requests.wait(ids, seconds=seconds)
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True) as live:
        return requests.wait(ids, seconds=seconds, look=lambda found: live.update(table(found)))


def show(requests: Sequence[dict[str, Any]]) -> None:
    """Writes a table to stdout; without a terminal one line for each, with tabs."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(table(requests, most=len(requests)))
        return
    for each in requests:
        sys.stdout.write("\t".join(_plain(text) for text in _row(each)) + "\n")


def table(requests: Sequence[dict[str, Any]], *, most: int = _MOST_SHOWN) -> Table:
    """What runs first, then what waits, then what has ended."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table("id", "state", "lane", "prio", "source", "destination", "done", "since", box=None)
    order = {"running": 0, "pending": 1}
    for each in sorted(requests, key=lambda found: order.get(found["state"], 2))[:most]:
        shown.add_row(*(escape(_plain(text)) for text in _row(each)))
    if len(requests) > most:
        shown.add_row(f"and {len(requests) - most} more")
    return shown


def _row(request: dict[str, Any]) -> list[str]:
    report = request.get("report") or {}
    size = request.get("bytes") or 0
    total = report.get("bytes") if request["state"] == "running" else None
    done = f"{format_size(size)}{f' of {format_size(total)}' if total else ''}" if size else ""
    if request["state"] == "pending" and request.get("position"):
        done = f"place {request['position']}"
    at = datetime.fromtimestamp(request["submitted_at"] / 1000).strftime("%Y-%m-%d %H:%M:%S")
    return [
        request["id"], request["state"], request["lane"], str(request["priority"]), request["source"],
        request["destination"], request.get("error") or done, at,
    ]  # fmt: skip


def _plain(text: str) -> str:
    """On one line, whatever a name holds."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
