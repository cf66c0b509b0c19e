"""Requests by ``/datamove``: in a real Airflow, from the post to the bytes."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests as http

from airflow_datamove.cli.main import main
from airflow_datamove.client import AirflowApi, Requests
from airflow_datamove.errors import NotFound, PermissionDenied, WrongUse
from tests.system.driver import Driver, wait_for

MIB = 2**20
HERE = f"hdfs://onprem@/data/initech/{uuid.uuid4().hex}"
IN, OUT = f"{HERE}/in", f"{HERE}/out"


@pytest.fixture
def client(driver: Driver) -> Requests:
    stack = driver.stack
    return Requests(AirflowApi(stack.url, username=stack.username, password=stack.password))


@pytest.fixture
def viewer(driver: Driver) -> Requests:
    name, password = driver.stack.viewer
    return Requests(AirflowApi(driver.stack.url, username=name, password=password))


@pytest.fixture
def source(driver: Driver) -> str:
    driver.put(f"{IN}/small/", {"a": b"a" * 1000, "b b": b"b" * 2000})
    return f"{IN}/small/"


def asked(source: str, name: str, **more: Any) -> dict[str, Any]:
    return {"tenant": "initech", "source": source, "destination": f"{OUT}/{name}/", **more}


def test_a_request_is_copied_and_tells_of_it(client: Requests, driver: Driver, source: str) -> None:
    answer = client.submit(asked(source, "one", client=HERE, priority=80))
    assert answer["state"] == "accepted"

    (ended,) = client.wait([answer["id"]], seconds=150)

    assert ended["state"] == "done"
    assert (ended["report"]["files"], ended["bytes"], ended["route"]) == (2, 3000, "worker")
    assert ended["run_url"].startswith("/dags/initech.copy.normal/runs/leased__")
    assert driver.files(f"{OUT}/one/") == {"a": b"a" * 1000, "b b": b"b" * 2000}
    assert [each["id"] for each in client.search(client=HERE, tenant="initech")] == [answer["id"]]
    assert client.counts(client=HERE) == {"done": 1}


def test_of_a_list_each_is_answered_by_itself_and_the_good_ones_are_copied(client: Requests, source: str) -> None:
    wrong: Any = "no object"
    answers = client.submit_many(
        [
            asked(source, "list0"),
            asked(source, "list1", overwrite="sometimes"),
            {"tenant": "initech", "source": source, "destination": "abfs://acme_blob@drop/acme/stolen/"},
            asked(source, "list3", lane="urgent"),
            asked(source, "list4", tenant="nobody"),
            asked("hdfs://user:geheim@onprem@/data/initech/x", "list5"),
            wrong,
        ]
    )

    states = [each["state"] for each in answers]
    assert states == ["accepted", "refused", "refused", "accepted", "refused", "refused", "refused"]
    assert "'sometimes'" in answers[1]["refused"]
    assert "lies outside what tenant 'initech' may write" in answers[2]["refused"]
    assert "no lane 'normal' of tenant 'nobody'" in answers[4]["refused"]
    assert "geheim" not in json.dumps(answers)
    ended = client.wait([answers[0]["id"], answers[3]["id"]], seconds=150)
    assert [each["state"] for each in ended] == ["done", "done"]
    assert [each["lane"] for each in ended] == ["normal", "urgent"]


def test_a_large_request_goes_to_distcp_and_is_found_the_same_way(client: Requests, driver: Driver) -> None:
    driver.put(f"{IN}/large/", {f"f{number}": os.urandom(MIB) for number in range(3)})
    answer = client.submit({"tenant": "initech", "source": f"{IN}/large/", "destination": f"{OUT}/large/"})

    (ended,) = client.wait([answer["id"]], seconds=240)

    assert ended["state"] == "done", ended
    assert ended["route"] == "distcp"
    assert ended["report"]["details"]["application_id"].startswith("application_")
    assert driver.files(f"{OUT}/large/") == driver.files(f"{IN}/large/")


def test_what_fails_says_why_and_is_tried_again_when_somebody_wants(client: Requests, driver: Driver) -> None:
    answer = client.submit(asked(f"{IN}/comes-later/", "later"))
    (ended,) = client.wait([answer["id"]], seconds=150)
    assert ended["state"] == "failed"
    assert "comes-later" in ended["error"]
    driver.put(f"{IN}/comes-later/", {"x": b"x"})

    assert client.retry(answer["id"])["changed"] == 1

    (ended,) = client.wait([answer["id"]], seconds=150)
    assert (ended["state"], ended["report"]["files"]) == ("done", 1)
    with pytest.raises(WrongUse, match="nothing to change"):
        client._api.call("POST", f"/datamove/requests/{answer['id']}/retry")


def test_a_running_request_is_cancelled_within_seconds(client: Requests, driver: Driver) -> None:
    driver.put(f"{IN}/slow/", {"one": os.urandom(900 * 1024)})
    # The link's slot is so narrow that this takes a while.
    answer = client.submit(
        {
            "tenant": "initech",
            "source": f"{IN}/slow/",
            "destination": f"{OUT}/slow/",
            "route": "distcp",
        }
    )
    wait_for(lambda: client.get(answer["id"])["state"] == "running", 120, "its start")

    began = time.monotonic()
    assert client.cancel(answer["id"])["asked"] == 1
    (ended,) = client.wait([answer["id"]], seconds=60)

    assert ended["state"] == "cancelled"
    assert time.monotonic() - began < 45
    assert not driver.exists(f"{OUT}/slow/one")


def test_a_dry_run_keeps_nothing_and_tells_the_route(client: Requests, source: str) -> None:
    answer = client.submit(asked(source, "dry"), dry_run=True)

    assert answer["state"] == "planned"
    assert answer["plan"]["route"] == "worker"
    assert (answer["plan"]["files"], answer["plan"]["bytes"]) == (2, 3000)
    assert client.counts(destination="/dry/") == {}
    with pytest.raises(WrongUse, match="not-there"):
        client.submit(asked(f"{IN}/not-there/", "dry"), dry_run=True)


def test_a_repeated_call_is_harmless(client: Requests, source: str) -> None:
    first = client.submit(asked(source, "again", idempotency_key=HERE))
    again = client.submit(asked(source, "again", idempotency_key=HERE))

    assert (again["id"], again["state"]) == (first["id"], "repeated")


def test_who_may_only_look_can_neither_submit_nor_change(client: Requests, viewer: Requests, source: str) -> None:
    answer = client.submit(asked(source, "viewed"))

    assert viewer.get(answer["id"])["id"] == answer["id"]
    with pytest.raises(WrongUse, match="may not copy"):
        viewer.submit(asked(source, "viewed2"))
    with pytest.raises(PermissionDenied):
        viewer._api.call("POST", f"/datamove/requests/{answer['id']}/cancel")
    assert viewer.cancel(answer["id"]) == {"changed": 0, "asked": 0, "left": 0}


def test_a_stranger_is_told_nothing(driver: Driver) -> None:
    for path in ("requests", "requests/x", "openapi.json", "docs"):
        assert http.get(f"{driver.stack.url}/datamove/{path}", timeout=30).status_code in (401, 404)
    assert http.post(f"{driver.stack.url}/datamove/requests", json={}, timeout=30).status_code == 401


def test_what_cannot_be_is_answered_with_what_to_do(client: Requests) -> None:
    with pytest.raises(NotFound):
        client.get("no-such-request")
    with pytest.raises(WrongUse, match="'tenant' is missing"):
        client.submit({"source": "file:///a", "destination": "file:///b"})
    with pytest.raises(WrongUse, match="would change everything"):
        client.cancel()
    with pytest.raises(WrongUse, match="no JSON"):
        client._api.call("POST", "/datamove/requests", None)


def test_a_request_posted_to_airflow_itself_is_found_too(client: Requests, driver: Driver, source: str) -> None:
    report = driver.copied(
        "initech.copy.normal", {"source": source, "destination": f"{OUT}/native/", "client": f"{HERE}n"}
    )

    (found,) = client.search(client=f"{HERE}n")

    assert (found["state"], found["native"], found["report"]["files"]) == ("done", True, report["files"])


def test_the_command_line_does_all_of_it(
    driver: Driver, source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = driver.stack
    monkeypatch.setenv("DATAMOVE_API_URL", stack.url)
    monkeypatch.setenv("DATAMOVE_API_USERNAME", stack.username)
    monkeypatch.setenv("DATAMOVE_API_PASSWORD", stack.password)

    def told(*arguments: str, code: int = 0) -> str:
        assert main(arguments) == code, capsys.readouterr()
        return capsys.readouterr().out

    id = told("submit", source, f"{OUT}/cli/", "--tenant", "initech", "--client", f"{HERE}c", "--wait").strip()
    assert told("status", id).split("\t")[:2] == [id, "done"]
    assert told("list", "--client", f"{HERE}c").startswith(f"{id}\t")
    assert told("list", "--client", f"{HERE}c", "--counts") == "done\t1\n"
    assert json.loads(told("wait", id, "--json"))["report"]["files"] == 2
    assert told("cancel", id, code=1).startswith("cancelled 0")
    assert told("retry", "--client", f"{HERE}c", "--state", "failed", code=1) == "put 0 back into the queue\n"
    assert json.loads(told("submit", source, f"{OUT}/cli2/", "--tenant", "initech", "--dry-run"))["plan"]["files"] == 2


@pytest.fixture(autouse=True)
def _calm(client: Requests) -> Iterator[None]:
    yield
    client.cancel(tenant=["initech"], state=["pending", "running"])
