"""What the command line says; what it does to a real job is `tests/distcp/test_job.py`'s."""

from __future__ import annotations

import json

import pytest

from airflow_datamove.cli.main import main
from tests.stores.function_server import Answered, Asked, function_server

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def _away(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"command": "true", "resource_manager": "http://127.0.0.1:1"}
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "hadoop", "extra": extra}))


def test_a_job_that_nobody_knows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def nothing(asked: Asked) -> Answered:
        if asked.target.startswith("/ws/v1/cluster/apps?"):
            return Answered(200, json.dumps({"apps": None}).encode(), JSON)
        unknown = {"RemoteException": {"exception": "NotFoundException", "message": "app not found"}}
        return Answered(404, json.dumps(unknown).encode(), JSON)

    with function_server(nothing) as server:
        extra = {"command": "true", "resource_manager": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "hadoop", "extra": extra}))
        for job in ("application_1_2", "datamove-0123"):
            assert main(["cancel", job, "--hadoop", "cluster"]) == 0
            assert capsys.readouterr().out == "nothing runs that could be killed\n"
        assert main(["cancel", "t", "--hadoop", "cluster", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"killed": []}


@pytest.mark.usefixtures("_away")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["application_1_2", "--hadoop", "cluster"], 1, "no resource manager answers"),
        (["a tag, no", "--hadoop", "cluster"], 2, "cannot be a YARN tag"),
        (["application_1_2"], 2, "--hadoop"),
        (["t", "--hadoop", "none"], 1, "there is no connection 'none'"),
    ],
)
def test_what_cannot_be(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", *arguments]) == code
    assert words in capsys.readouterr().err
