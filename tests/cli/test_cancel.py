"""What the command line says; what it does to a real job is `tests/distcp/test_job.py`'s."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_datamove.cli.main import main
from tests.stores.function_server import Answered, Asked, Script, function_server

JSON = {"Content-Type": "application/json"}
TAG = f"datamove-{'0' * 31}"
UNKNOWN = {"RemoteException": {"exception": "NotFoundException", "message": "app not found"}}


@pytest.fixture
def _away(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:1"}
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "hadoop", "extra": extra}))


@pytest.fixture
def yarn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A resource manager that knows job 1, which runs, and job 2, which has ended; their tags end with their number."""

    def app(number: int) -> dict[str, str]:
        ended = {1: {"state": "RUNNING"}, 2: {"state": "FINISHED", "finalStatus": "SUCCEEDED"}}[number]
        return {"id": f"application_1_{number}", "applicationTags": f"{TAG}{number}", **ended}

    def answer(asked: Asked) -> Answered:
        path, _, query = asked.target.partition("?")
        if path == "/ws/v1/cluster/apps":
            found = [app(number) for number in (1, 2) if f"{TAG}{number}" in query]
            return Answered(200, json.dumps({"apps": {"app": found} if found else None}).encode(), JSON)
        if asked.method == "PUT":
            return Answered(200, json.dumps({"state": "KILLED"}).encode(), JSON)
        for number in (1, 2):
            if path.endswith(f"application_1_{number}"):
                return Answered(200, json.dumps({"app": app(number)}).encode(), JSON)
        return Answered(404, json.dumps(UNKNOWN).encode(), JSON)

    with function_server(answer) as server:
        extra = {"command": "true", "resource_manager": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "hadoop", "extra": extra}))
        yield server


@pytest.mark.usefixtures("yarn")
def test_one_that_runs_one_that_has_ended_and_one_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    for job in ("application_1_1", f"{TAG}1"):
        assert main(["cancel", job, "--hadoop", "cluster"]) == 0
        assert capsys.readouterr().out == "killed application_1_1\n"
    for job in ("application_1_2", f"{TAG}2"):
        assert main(["cancel", job, "--hadoop", "cluster"]) == 0
        assert capsys.readouterr().out == "application_1_2 had ended already: SUCCEEDED\n"
        assert main(["cancel", job, "--hadoop", "cluster", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"killed": [], "ended": ["application_1_2"]}
    for job in ("application_1_3", f"{TAG}3"):
        assert main(["cancel", job, "--hadoop", "cluster"]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert f"the resource manager of connection 'cluster' knows no {job}" in told.err


def test_nothing_is_killed_for_a_destination_that_is_not_there(
    yarn: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["cancel", "application_1_1", "--hadoop", "cluster", "--destination", "hdfs://mistyped@/x"]
    assert main(words) == 1
    assert "there is no connection 'mistyped'" in capsys.readouterr().err
    assert "PUT" not in [asked.method for asked in yarn.asked]


@pytest.mark.usefixtures("_away")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["application_1_2", "--hadoop", "cluster"], 1, "no Hadoop cluster answers for connection 'cluster'"),
        (["application_1_2", "--hadoop", "cluster"], 1, "correct the connection's resource_manager"),
        (["a tag, no", "--hadoop", "cluster"], 2, "neither an application's id nor a job's tag"),
        (["aplication_1_2", "--hadoop", "cluster"], 2, "neither an application's id nor a job's tag"),
        (["datamove-0123", "--hadoop", "cluster"], 2, "32 hexadecimal digits"),
        (["application_1_2"], 2, "--hadoop"),
        (["application_1_2", "--hadoop", "none"], 1, "there is no connection 'none'"),
    ],
)
def test_what_cannot_be(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", *arguments]) == code
    assert words in capsys.readouterr().err


def test_a_connection_of_another_type_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ONPREM", json.dumps({"conn_type": "webhdfs", "host": "nn"}))
    assert main(["cancel", "application_1_2", "--hadoop", "onprem"]) == 2
    assert "connection 'onprem' is of type 'webhdfs', and not 'hadoop'" in capsys.readouterr().err
