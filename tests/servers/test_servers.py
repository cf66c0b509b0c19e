"""The servers' own promises, tried with the lightest of them: known again, never doubled, gone when stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers import StartFailed, StopFailed, memory, start, states, status, stop, stop_all
from tests.servers.port import HOST, choose_ports
from tests.servers.process import end, find_process, marked
from tests.servers.record import read_record, write_record


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop("gcs", tmp_path)
    assert marked(str(tmp_path)) == []


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/storage/v1/b?project=p", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_second_start_finds_the_first(state: Path) -> None:
    first = start("gcs", state)
    pid = status(state)[0].pid
    assert start("gcs", state) == first
    assert [row.pid for row in status(state) if row.alive] == [pid]
    stop("gcs", state)
    assert not answers(first["url"])
    assert start("gcs", state) == first, "the port is kept"


def test_one_that_was_killed_is_started_again(state: Path) -> None:
    url = start("gcs", state)["url"]
    row = status(state)[0]
    os.kill(row.pid, 9)
    while status(state)[0].alive:
        time.sleep(0.01)
    assert start("gcs", state)["url"] == url
    assert answers(url)


@pytest.mark.parametrize(
    "left", ["", '{"ports": ', "[]", '{"ports": {}, "options": {}, "facts": {}, "entries": {"x": 1}}']
)
def test_a_lost_record_leaves_no_orphan(state: Path, left: str) -> None:
    url = start("gcs", state)["url"]
    (state / "gcs" / "server.json").write_text(left)
    again = start("gcs", state)["url"]
    assert answers(again)
    assert len(marked(str(state / "gcs"))) == 1
    assert url == again or not answers(url)


def test_a_recycled_pid_is_left_alone(state: Path) -> None:
    start("gcs", state)
    stop("gcs", state)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        process = find_process(stranger.pid)
        assert process is not None
        end([(replace(process, started=process.started - 1), [(15, 1.0)], True)])
        end([(replace(process, boot="another"), [(15, 1.0)], True)])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_failed_start_says_why_and_leaves_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        monkeypatch.setenv("DATAMOVE_PORT_GCS", str(taken.getsockname()[1]))
        with pytest.raises(StartFailed, match=r"gcs ended by itself\. Log .*gcs-gcs\.log.*\n.*address already in use"):
            start("gcs", state)
    assert status(state) == []
    assert marked(str(state)) == []


def test_ports_are_remembered_unless_the_environment_orders_or_another_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        used = taken.getsockname()[1]
        assert choose_ports(["a"], {"a": used}, running=True) == {"a": used}
        assert choose_ports(["a"], {"a": used}, running=False) != {"a": used}
    assert choose_ports(["a"], {"a": used}, running=False) == {"a": used}
    monkeypatch.setenv("DATAMOVE_PORT_A", "4711")
    assert choose_ports(["a"], {"a": used}, running=False) == {"a": 4711}


def test_the_record_is_only_for_its_owner(state: Path) -> None:
    start("gcs", state)
    home = state / "gcs"
    assert (home / "server.json").stat().st_mode & 0o777 == 0o600
    record = read_record(home)
    write_record(home, record)
    assert read_record(home) == record
    assert json.loads((home / "server.json").read_text())["facts"]["url"].startswith(f"http://{HOST}:")


def test_memory_is_that_of_the_servers_and_of_what_they_started(state: Path) -> None:
    assert memory(state) == (0, 0)
    start("gcs", state)
    rss, pss = memory(state)
    assert rss > 2**20
    assert pss is None or 0 < pss <= rss


def test_every_state_folder_is_found(tmp_path: Path) -> None:
    for folder in ("demo/gcs", "bench/airflow", "test-postgres/postgres", "other/things"):
        (tmp_path / folder).mkdir(parents=True)
    assert [path.name for path in states(tmp_path)] == ["bench", "demo", "test-postgres"]
    assert states(tmp_path / "nothing") == []


def test_one_that_resists_keeps_no_other_from_being_stopped(state: Path) -> None:
    url = start("gcs", state)["url"]
    (state / "hadoop").write_text("not a folder")
    (state / "airflow").mkdir()
    (state / "airflow" / ".lock").mkdir()
    with pytest.raises(StopFailed, match=r"airflow: .*\.lock"):
        stop_all(state)
    assert not answers(url)


def test_stop_and_status_need_no_more_than_pythons_own_library(state: Path) -> None:
    url = start("gcs", state)["url"]
    root = Path(__file__).resolve().parents[2]
    # -I and -S: nothing of .venv is on the path, and this folder only because it is named.
    bare = f"import sys; sys.path.insert(0, {str(root)!r}); from tests.servers.__main__ import main; sys.exit(main())"
    for action, shown in (("status", "up"), ("stop", ""), ("status", "nothing was started")):
        command = [sys.executable, "-I", "-S", "-c", bare, action, "--state", str(state)]
        assert shown in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert not answers(url)
