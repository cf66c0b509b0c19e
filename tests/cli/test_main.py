"""Whatever goes wrong is one line and an exit code, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from airflow_datamove.cli import main as cli
from airflow_datamove.cli.main import main

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
DATAMOVE = f"{sys.executable} -m airflow_datamove.cli.main"


def shell(command: str) -> tuple[int, str]:
    """The exit code of the first of a pipe's commands, and what is on stderr."""
    script = f"{command}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["pools", str(QUICKSTART), "--export", "/nonexistent/x"], "/nonexistent/x: No such file or directory"),
        (["pools", str(QUICKSTART), "--export", "/proc"], "/proc: Is a directory"),
        (["lint", "x" * 300], f"{'x' * 300}: File name too long"),
    ],
)
def test_what_the_system_refuses(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"datamove: {text}\n"


def test_a_closed_pipe_is_quiet() -> None:
    assert shell(f"{DATAMOVE} schema pipeline | true") == (1, "")


def test_a_full_disk() -> None:
    assert shell(f"{DATAMOVE} schema tenant > /dev/full") == (1, "datamove: No space left on device\n")


def test_no_output_at_all() -> None:
    code, told = shell(f"{DATAMOVE} schema tenant >&-")
    assert code == 1
    assert told.startswith("datamove: ")
    assert told.count("\n") == 1
    assert shell(f"{DATAMOVE} schema tenant >&- 2>&-") == (1, "")


def test_nowhere_to_write_at_all() -> None:
    assert shell(f"{DATAMOVE} schema tenant > /dev/full 2> /dev/full") == (1, "")


@pytest.mark.parametrize("error", [ValueError("not\na number"), KeyError("x"), RuntimeError()])
def test_what_nobody_thought_of(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "_parser", fail)
    assert main(["lint"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"datamove: unexpected {type(error).__name__}: ")
    assert told.count("\n") == 1


@pytest.fixture(params=[b"<html>", b"{}", b"[]", b"null"])
def something_else(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that is no Airflow."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(request.param)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_answer_that_is_none(something_else: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pools", str(QUICKSTART), "--api", something_else]) == 1
    told = capsys.readouterr().err
    assert told.startswith("datamove: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "url", ["http://user:pass-word@127.0.0.1:9", "http://pass-word@h", "user:pass-word@h", "http://h?token=pass-word"]
)
def test_a_login_in_airflow_s_address_is_refused_and_not_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATAMOVE_API_URL", url)
    for arguments in (["--api", url], []):
        assert main(["pools", str(QUICKSTART), *arguments]) == 2
        told = capsys.readouterr().err
        assert "DATAMOVE_API_PASSWORD" in told
        assert "pass-word" not in told
