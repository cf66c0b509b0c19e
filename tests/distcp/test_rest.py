"""Against a small HTTP server of its own: what a real resource manager only answers when another one is active."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_datamove.distcp.rest import Access, NoAnswer, Rest
from airflow_datamove.distcp.yarn import ResourceManager
from tests.stores.http_server import serving as https


@contextlib.contextmanager
def serving(status: int, headers: dict[str, str], body: str = "") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


JSON = {"Content-Type": "application/json;charset=utf-8"}


def active() -> contextlib.AbstractContextManager[str]:
    return serving(200, JSON, json.dumps({"ok": True}))


def test_the_next_address_is_asked_when_one_does_not_answer() -> None:
    with active() as url:
        assert Rest(["http://127.0.0.1:1", url]).get("/x") == {"ok": True}


@pytest.mark.parametrize("listed", [True, False])
def test_a_standby_sends_on(listed: bool) -> None:
    with active() as url, serving(307, {"Location": f"{url}/x"}) as standby:
        assert Rest([standby, url] if listed else [standby]).get("/x") == {"ok": True}


def test_a_standby_that_answers_by_a_refresh() -> None:
    text = "This is standby RM. The redirect url is: /x\n"
    with active() as url, serving(200, {"Refresh": f"3; url={url}/x", "Content-Type": "text/plain"}, text) as standby:
        assert Rest([standby]).get("/x") == {"ok": True}


def test_two_standbys_that_name_each_other() -> None:
    with pytest.raises(NoAnswer, match="standby"), serving(307, {"Location": "http://127.0.0.1:1/x"}) as standby:
        Rest([standby]).get("/x")


NOT_FOUND = json.dumps({"RemoteException": {"exception": "NotFoundException", "message": "app not found"}})
PAGE = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (302, {"Location": "https://sso.example.com/login?token=hidden"}, "", "redirects to sso.example.com, as"),
        (302, {"Location": "/jobhistory/job/job_1_2"}, "", "redirects to another page"),
        (200, PAGE, "<html>", "answers 200 with no JSON"),
        (200, JSON, "<html>", "answers 200 with no JSON"),
        (404, PAGE, "<html>", "answers 404 Not Found, and not as Hadoop does"),
        # A name node's, for what is a resource manager's.
        (404, JSON, json.dumps({"servlet": "WebServlet", "message": "Not Found"}), "answers 404 Not Found, and not"),
        (404, JSON, json.dumps({"RemoteException": {"exception": "FileNotFoundException"}}), "and not as Hadoop"),
    ],
)
def test_what_a_gateway_or_another_daemon_says_is_no_answer(
    status: int, headers: dict[str, str], body: str, told: str
) -> None:
    with serving(status, headers, body) as url:
        rest, manager = Rest([url]), ResourceManager(Rest([url]))
        for ask in (
            lambda: rest.get("/x"),
            lambda: rest.find("/x"),
            lambda: rest.put("/x", {}),
            manager.ping,
            lambda: manager.tagged(["t"]),
            lambda: manager.app("application_1_2"),
            lambda: manager.kill("application_1_2"),
        ):
            with pytest.raises(NoAnswer, match=told) as caught:
                ask()
            assert "hidden" not in str(caught.value)


def test_only_the_daemon_itself_says_that_a_thing_is_not_there() -> None:
    with serving(404, JSON, NOT_FOUND) as url:
        rest, manager = Rest([url]), ResourceManager(Rest([url]))
        assert rest.find("/x") is None
        assert rest.put("/x", {})[0] == 404
        assert manager.app("application_1_2") is None
        assert manager.kill("application_1_2")
        # A list, or the cluster itself, is never "not there".
        for ask in (manager.ping, lambda: manager.tagged(["t"])):
            with pytest.raises(NoAnswer, match="there is no /ws/v1/cluster"):
                ask()


def test_json_that_is_no_resource_manager_s_is_no_answer() -> None:
    with serving(200, JSON, json.dumps({"login": "please"})) as url:
        manager = ResourceManager(Rest([url]))
        for ask in (
            manager.ping,
            lambda: manager.tagged(["t"]),
            lambda: manager.app("application_1_2"),
            lambda: manager.kill("application_1_2"),
        ):
            with pytest.raises(NoAnswer, match="is no resource manager"):
                ask()


def test_an_address_behind_which_somebody_else_answers_is_passed_over() -> None:
    with active() as url, serving(302, {"Location": "https://sso.example.com/login"}) as gateway:
        assert Rest([gateway, url]).get("/x") == {"ok": True}


def test_failures_are_told_in_one_line() -> None:
    body = json.dumps({"RemoteException": {"message": "it is full"}})
    with serving(500, JSON, body) as url, pytest.raises(NoAnswer, match="500 it is full"):
        Rest([url]).get("/x")


def test_certificates_are_verified_by_a_file_or_as_the_machine_has_it_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    with https(tmp_path, tls=True) as site:
        for verify in (str(site.ca_file), False):
            with pytest.raises(NoAnswer, match="answers 200"):
                Rest([site.url], Access(verify=verify)).get("/x")
        with pytest.raises(NoAnswer, match="SSLError"):
            Rest([site.url]).get("/x")
