"""One clear message for whatever goes wrong in `make up` and `make demo`, and signals that end them in good order."""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from airflow_datamove.errors import DatamoveError
from tests.servers import StartFailed, StopFailed

_SHOWN = 3
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFailed(Exception):
    """What failed, and where its log is."""


_FORESEEN = (DemoFailed, StartFailed, StopFailed, DatamoveError)
"""These say themselves what happened; the traceback of any other is kept."""


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Notes on any error that passes what was being done."""
    try:
        yield
    except Exception as error:
        error.add_note(what)
        raise


def explain(error: Exception, state: Path) -> str:
    """What failed, and where its log is.

    The traceback of an error that nobody foresaw goes to a file.

    :param state: the stack's folder.
    """
    logs = state / "logs"
    what = f"{' '.join(['failed', *reversed(getattr(error, '__notes__', []))])}: {_in_short(error)}"
    if isinstance(error, _FORESEEN):
        return f"{what}\nlogs: {logs}"
    trace = "".join(traceback.format_exception(error))
    try:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / "failure.log").write_text(trace, "utf-8")
    except OSError as unwritten:
        return f"{trace}{what}\nno logs: {unwritten}"
    return f"{what}\nlogs: {logs}; failure.log there has the traceback"


def interruptible() -> None:
    """Lets SIGTERM and SIGHUP do what Ctrl-C does: raise KeyboardInterrupt."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in _ENDING:
        signal.signal(number, interrupt)


def uninterruptible() -> None:
    """Lets nothing but SIGKILL keep this process from cleaning up; that takes seconds."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _in_short(error: BaseException) -> str:
    """An error in one line; those of a group one after the other. Our own keep all their lines: a log's last ones."""
    if isinstance(error, BaseExceptionGroup):
        shown = [_in_short(each) for each in error.exceptions[:_SHOWN]]
        more = len(error.exceptions) - len(shown)
        return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)
    if isinstance(error, _FORESEEN):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
