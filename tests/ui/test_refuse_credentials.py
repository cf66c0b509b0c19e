"""A credential in a request is refused before Airflow's audit log sees it; everything else passes unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from airflow_datamove.ui.refuse_credentials import RefuseCredentials

RUNS = "/api/v2/dags/acme.copy.normal/dagRuns"
seen: list[bytes] = []


async def _take(request: Request) -> JSONResponse:
    seen.append(await request.body())
    return JSONResponse({"taken": True})


@pytest.fixture
def client() -> TestClient:
    seen.clear()
    app = Starlette(routes=[Route("/{path:path}", _take, methods=["GET", "POST", "PATCH"])])
    app.add_middleware(RefuseCredentials)
    return TestClient(app)


@pytest.mark.parametrize(
    "conf",
    [
        {"source": "hdfs://u:hunter2@host/a"},
        {"destination": "abfs://blob@c/a?sv=2021&sig=hunter2"},
        {"client": "abfs://blob@c/a?sig=hunter2"},
        {"anything": [{"deep": "DefaultEndpoints;AccountKey=hunter2"}]},
        {"hdfs://u:hunter2@host/a": 1},
    ],
)
def test_a_credential_never_reaches_airflow(client: TestClient, conf: dict[str, Any]) -> None:
    answer = client.post(RUNS, json={"logical_date": None, "conf": conf})
    assert answer.status_code == 400
    assert "Put it into the Airflow connection" in answer.json()["detail"]
    assert "hunter2" not in answer.text
    assert seen == []


@pytest.mark.parametrize(
    "body",
    [b'{"conf": {"source": "hdfs://onprem@/a b?c"}}', b"", b"not json", b"[" * 100_000, b"\xff", b"x" * 300_000],
)
def test_everything_else_passes_unchanged(client: TestClient, body: bytes) -> None:
    assert client.post(RUNS, content=body).json() == {"taken": True}
    assert seen == [body]


@pytest.mark.parametrize("path", ["/api/v2/dags/someones_own/dagRuns", "/api/v2/connections"])
def test_other_calls_are_not_looked_at(client: TestClient, path: str) -> None:
    body = b'{"conf": {"source": "hdfs://u:hunter2@host/a"}}'
    assert client.post(path, content=body).json() == {"taken": True}
    assert seen == [body]
