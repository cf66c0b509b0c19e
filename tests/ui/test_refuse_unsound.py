"""An unsound request is refused before Airflow's audit log sees it; everything else passes unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from airflow_datamove.ui.refuse_unsound import RefuseUnsound

RUNS = "/api/v2/dags/acme.copy.normal/dagRuns"
seen: list[bytes] = []


async def _take(request: Request) -> JSONResponse:
    seen.append(await request.body())
    return JSONResponse({"taken": True})


@pytest.fixture
def client() -> TestClient:
    seen.clear()
    app = Starlette(routes=[Route("/{path:path}", _take, methods=["GET", "POST", "PATCH"])])
    app.add_middleware(RefuseUnsound)
    return TestClient(app)


@pytest.mark.parametrize(
    "conf",
    [
        {"source": "hdfs://u:hunter2@host/a"},
        {"destination": "abfs://blob@c/a?sv=2021&sig=hunter2"},
        {"client": "abfs://blob@c/a?sig=hunter2"},
        {"anything": [{"deep": "DefaultEndpoints;AccountKey=hunter2"}]},
        {"hdfs://u:hunter2@host/a": 1},
        {"source": " abfs://u:hunter2@drop/x"},
        {"source": "abfs://c@drop/x#sig=hunter2"},
        {"source": "abfs://c@drop/x%3Fsig=hunter2"},
        {"source": "abfs://c@drop/x?AccessKey=hunter2"},
    ],
)
def test_a_credential_never_reaches_airflow(client: TestClient, conf: dict[str, Any]) -> None:
    answer = client.post(RUNS, json={"logical_date": None, "conf": conf})
    assert answer.status_code == 400
    assert "Put it into the Airflow connection" in answer.json()["detail"]
    assert "hunter2" not in answer.text
    assert seen == []


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({}, "'source' is missing"),
        ({"source": "u:hunter2@drop/x", "destination": "gs://g@b/"}, "an address has no scheme"),
        ({"source": "abfs:/u:hunter2@drop/x", "destination": "gs://g@b/"}, "has no scheme"),
        ({"source": "abfs://hunter2@drop@x/", "destination": "gs://g@b/"}, "names a connection that cannot be"),
        ({"source": "hdfs://a@/\ud800", "destination": "gs://g@b/"}, "what is no character"),
        ({"source": "hdfs://a@/" + "x" * 9000, "destination": "gs://g@b/"}, "is too long"),
        ({f"field{number}": 1 for number in range(5000)}, "the request has 5000 fields"),
        ({"source": "hdfs://a@/x", "destination": "gs://g@b/", "priority": "high"}, "priority: input should be"),
        ({"source": "x" * 300_000}, "larger than"),
    ],
)
def test_an_unsound_request_is_told_what_is_wrong(client: TestClient, conf: dict[str, Any], words: str) -> None:
    answer = client.post(RUNS, content=json.dumps({"logical_date": None, "conf": conf}))
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert len(answer.text) < 1000
    assert "hunter2" not in answer.text
    assert seen == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"conf": {"source": "hdfs://onprem@/a b?c", "destination": "gs://g@b/x", "client": null}}',
        b"",
        b"not json",
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_everything_else_passes_unchanged(client: TestClient, body: bytes) -> None:
    assert client.post(RUNS, content=body).json() == {"taken": True}
    assert seen == [body]


@pytest.mark.parametrize("path", ["/api/v2/dags/someones_own/dagRuns", "/api/v2/connections"])
def test_other_calls_are_not_looked_at(client: TestClient, path: str) -> None:
    body = b'{"conf": {"source": "hdfs://u:hunter2@host/a"}}'
    assert client.post(path, content=body).json() == {"taken": True}
    assert seen == [body]
