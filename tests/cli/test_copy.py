from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_datamove.cli.main import main
from airflow_datamove.cli.request import read_address
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.temporary import is_temporary
from tests.transfer.trees import make, read


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_copy_says_in_one_line_what_it_did(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"a/b": b"12", "c": b"3"})
    assert main(["copy", "s", "t"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("2 files copied, 3 B in ")
    assert out.endswith("route worker, verified by length\n")
    assert err == ""
    assert read(here / "t") == {"a/b": b"12", "c": b"3"}


def test_one_of_a_kind_is_told_in_the_singular(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"f": b"1"})
    os.symlink("f", here / "s" / "link")
    assert main(["plan", "s", "t"]) == 0
    assert {"copy        1 file, 1 B", "left out    1 symlink or special file"} <= set(
        capsys.readouterr().out.splitlines()
    )
    assert main(["copy", "s", "t"]) == 0
    assert "; 1 symlink or special file left out, route worker" in capsys.readouterr().out


def test_json_is_the_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "s", {"f": b"12"})
    assert main(["copy", f"file://{here}/s/f", "t/", "--json", "--rate", "25MiB/s", "--threads", "2"]) == 0
    out, _ = capsys.readouterr()
    report = TransferReport.from_dict(json.loads(out))
    assert (report.files, report.bytes, report.route) == (1, 2, "worker")
    assert report.reason == "1 file, 2 B: below the threshold of 1 GiB"
    assert report.destination == f"file://{here}/t/"
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["copy", "none", "t"], 1, "there is nothing here"),
        (["copy", "s"], 2, "required: DESTINATION"),
        (["copy", "s", "t", "--rate", "fast"], 2, "'fast' is not a rate"),
        (["copy", "s", "t", "--rate", "-5MiB/s"], 2, "'-5MiB/s' is not a rate. Write a rate such as"),
        (["copy", "s", "t", "--rate", "25"], 2, "Write 25MiB/s"),
        (["copy", "s", "t", "--min-age", "7"], 2, "'7' has no unit. Write 7s, 7h or 7d"),
        (["copy", "s", "t", "--marker", "DONE"], 2, "Add --publish together"),
        (["copy", "s", "t", "--max-delete", "10%"], 2, "Add --mirror"),
        (["copy", "s", "t", "--threads", "0"], 2, "threads is 0"),
        (["copy", "s", "t", "--overwrite", "maybe"], 2, "invalid choice"),
        (["copy", "s", "s"], 1, "onto itself"),
        (["copy", "s", "s/below"], 1, "into itself"),
        (["copy", "s", "gs://b/x"], 2, "names no connection"),
        (["copy", "s", "gs://nobody@b/x"], 1, "AIRFLOW_CONN_NOBODY"),
        (["copy", "s", "hfds://x@/y"], 2, "Did you mean hdfs://"),
        (["copy", "s", "abfs://u:pass-word@c/x"], 2, "carries a credential"),
        (["copy", "s", "t", "--route", "distcp"], 2, "no Hadoop connection is given"),
        (["copy", "s/f", "t", "--mirror"], 2, "asks for a directory"),
        (["copy", "s/f/", "t"], 1, "Leave out the slash"),
        (["copy", "", "t"], 2, "an address is missing"),
        (["nonsense"], 2, "invalid choice"),
        ([], 2, "required: COMMAND"),
    ],
)
def test_errors_are_one_line_with_the_remedy(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    make(here / "s", {"f": b"1"})
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert message in err
    assert len(err.splitlines()) == 1
    assert out == ""
    assert "pass-word" not in err
    assert not (here / "t").exists()


def test_a_line_break_in_a_name_does_not_make_a_second_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", "no\nsuch", "t"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("s", True, "{here}/s"), ("s/", True, "{here}/s/"), ("./s/../t/", False, "{here}/t/"), (".", True, "{here}/"),
        ("/a/b*", True, "/a/b*"), ("a{b,c}", True, "{here}/a{b,c}"), ("/", True, "/"), ("/a//b", False, "/a/b"),
    ],
)  # fmt: skip
def test_a_local_path_becomes_an_address(here: Path, text: str, source: bool, expected: str) -> None:
    assert str(read_address(text, source=source)) == "file://" + expected.replace("{here}", str(here))


def test_a_directory_with_globs_in_its_own_name_is_plain(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = make(here / "odd [x]*", {"s/f": b"1"})
    monkeypatch.chdir(odd)
    assert main(["copy", "s", "t"]) == 0
    assert read(odd / "t") == {"f": b"1"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_cleanly(here: Path, number: signal.Signals) -> None:
    make(here / "s", {"f": b"x" * 2**25})
    command = [sys.executable, "-m", "airflow_datamove.cli.main", "copy", "s", "t", "--rate", "256KiB/s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not any(is_temporary(path.name) for path in here.glob("t/.*")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 3
    assert (process.returncode, out) == (1, "")
    assert err == "datamove: cancelled after 0 of 1 files. The same command again goes on with what is left\n"
    assert list((here / "t").iterdir()) == []


def test_the_command_runs_without_airflow_and_without_the_sdks(here: Path) -> None:
    make(here / "s", {"f": b"1"})
    code = (
        "import sys; from airflow_datamove.cli.main import main; assert main(['copy', 's', 't']) == 0; "
        "print([m for m in ('airflow', 'azure', 'google.cloud.storage', 'hdfs', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("address", "connection"),
    [
        ("hdfs://x@/t", {"conn_type": "webhdfs", "host": "127.0.0.1", "port": 1}),
        ("abfs://x@c/t", {"conn_type": "wasb", "host": "http://127.0.0.1:1/a", "login": "a", "password": "c2VjcmV0"}),
    ],
)  # fmt: skip
def test_a_store_that_is_away_is_one_line_as_well(here: Path, address: str, connection: dict[str, object]) -> None:
    make(here / "s", {"f": b"1"})
    environment = {**os.environ, "AIRFLOW_CONN_X": json.dumps(connection)}
    command = [sys.executable, "-m", "airflow_datamove.cli.main", "copy", "s", address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "c2VjcmV0" not in done.stderr
