"""Against a small HTTP server of its own: what a real resource manager only answers when another one is active."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_datamove.distcp.rest import Access, NoAnswer, Rest
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


def test_a_redirect_to_a_page_is_not_followed() -> None:
    with active() as url, serving(302, {"Location": f"{url}/jobhistory/job/job_1_2"}) as proxy:
        assert Rest([proxy]).get("/proxy/application_1_2/ws") is None


def test_pages_for_people_are_no_answer() -> None:
    with serving(200, {"Content-Type": "text/html"}, "<html>") as url:
        assert Rest([url]).get("/x") is None


def test_what_is_not_there() -> None:
    with serving(404, JSON, "{}") as url:
        assert Rest([url]).get("/x") is None


def test_failures_are_told_in_one_line() -> None:
    body = json.dumps({"RemoteException": {"message": "it is full"}})
    with serving(500, JSON, body) as url, pytest.raises(NoAnswer, match="500 it is full"):
        Rest([url]).get("/x")


def test_certificates_are_verified_by_a_file_or_as_the_machine_has_it_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    with https(tmp_path, tls=True) as site:
        for verify in (str(site.ca_file), False):
            assert Rest([site.url], Access(verify=verify)).get("/x") is None
        with pytest.raises(NoAnswer, match="SSLError"):
            Rest([site.url]).get("/x")
