"""What the quickstart says when something goes wrong, and that it cleans up when it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceRequestError

from examples.quickstart.failing import DemoFailed, doing, explain
from tests.servers import StartFailed, status
from tests.servers.process import marked

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServiceRequestError("connection refused\nRequestId: 1"), "ServiceRequestError: connection refused"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (TimeoutError(), "TimeoutError"),
        (
            ExceptionGroup("several", [OSError("a"), TimeoutError("b"), ValueError("c"), ValueError("d")]),
            "OSError: a; TimeoutError: b; ValueError: c; and 1 more",
        ),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_its_traceback_a_file(tmp_path: Path, error: Exception, said: str) -> None:
    try:
        with doing("while trying"):
            raise error
    except Exception as caught:
        text = explain(caught, tmp_path)
    assert text == f"failed while trying: {said}\nlogs: {tmp_path / 'logs'}; failure.log there has the traceback"
    assert "in test_what_nobody" in (tmp_path / "logs" / "failure.log").read_text()


@pytest.mark.parametrize("kind", [DemoFailed, StartFailed])
def test_what_was_foreseen_says_it_itself(tmp_path: Path, kind: type[Exception]) -> None:
    assert (
        explain(kind("gcs ended. Log x:\n  why"), tmp_path)
        == f"failed: gcs ended. Log x:\n  why\nlogs: {tmp_path}/logs"
    )
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_told_to_end_stops_its_stack(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.quickstart.demo"],
        cwd=ROOT,
        env={**os.environ, "DATAMOVE_STACK": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = ""
    while "starting azurite" not in seen:
        read = process.stderr.read(1)
        assert read, seen
        seen += read
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"interrupted by {number.name}; the stack is stopped" in output
    assert [row for row in status(tmp_path) if row.alive] == []
    assert marked(str(tmp_path)) == []
