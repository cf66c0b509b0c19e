from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    WrongUse,
)
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.stores.http_source_login import is_internal
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import ODD_NAMES
from tests.stores.dead_server import answering_server, cutting_server, silent_port, unused_port
from tests.stores.http_server import Site, serving
from tests.stores.places import get
from tests.stores.scripted_server import Answered, scripted


def opened(url: str, connection: dict[str, Any] | None = None) -> Store:
    scheme, _, host = url.partition("://")
    at = "x@" if connection is not None else ""
    value = json.dumps({"conn_type": "http", **(connection or {})})
    address = Address.parse(f"{scheme}://{at}{host}/")
    return open_store(address, EnvironmentConnections({"AIRFLOW_CONN_X": value}))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path) as site:
        yield site


def test_a_file_is_told_and_read(site: Site) -> None:
    (site.folder / "f").write_bytes(b"0123456789")
    os.utime(site.folder / "f", (1_000_000_000, 1_000_000_000))
    with opened(site.url) as store:
        entry = store.stat("/f")
        assert (entry.path, entry.kind, entry.size, entry.modified) == ("/f", Kind.FILE, 10, 1_000_000_000)
        assert entry.content_type == "application/octet-stream"
        assert entry.metadata == {}
        assert get(store, "/f", version=entry.version) == b"0123456789"


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 100, b"89"), (0, 0, b""), (5, 0, b""),
     (10, None, b""), (11, None, b""), (500, 7, b""), (0, 4, b"0123")],
)  # fmt: skip
def test_ranges_also_of_a_server_that_knows_of_none(
    site: Site, ranges: bool, offset: int, length: int | None, expected: bytes
) -> None:
    site.ranges = ranges
    (site.folder / "f").write_bytes(b"0123456789")
    with opened(site.url) as store:
        assert get(store, "/f", offset=offset, length=length) == expected
        version = store.stat("/f").version
        assert get(store, "/f", offset=offset, length=length, version=version) == expected


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("etags", [True, False])
def test_another_version_is_source_changed(site: Site, etags: bool, ranges: bool) -> None:
    site.etags, site.ranges = etags, ranges
    (site.folder / "f").write_bytes(b"old!")
    os.utime(site.folder / "f", (1_000_000_000, 1_000_000_000))
    with opened(site.url) as store:
        version = store.stat("/f").version
        assert version is not None
        (site.folder / "f").write_bytes(b"new!")
        for offset in (0, 2):
            with pytest.raises(SourceChanged):
                get(store, "/f", version=version, offset=offset)


def test_a_server_without_etags_and_dates_tells_no_version(site: Site) -> None:
    site.etags = site.dates = False
    (site.folder / "f").write_bytes(b"1")
    with opened(site.url) as store:
        entry = store.stat("/f")
        assert (entry.version, entry.modified, entry.size) == (None, None, 1)
        assert get(store, "/f") == b"1"


def test_a_files_md5_is_told(site: Site) -> None:
    site.content_md5 = True
    (site.folder / "f").write_bytes(b"content")
    with opened(site.url) as store:
        assert store.stat("/f").checksums == {"md5": hashlib.md5(b"content").hexdigest()}


def test_odd_names_are_asked_for_as_they_are(site: Site) -> None:
    for name in ODD_NAMES:
        (site.folder / name).write_bytes(name.encode())
    with opened(site.url) as store:
        for name in ODD_NAMES:
            assert get(store, f"/{name}") == name.encode()


def test_what_is_not_there_and_what_is_no_file(site: Site) -> None:
    with opened(site.url) as store:
        assert not store.exists("/none")
        with pytest.raises(NotFound):
            get(store, "/none")
        for use in (store.list, store.walk, store.stat, store.open):
            with pytest.raises(NotSupported, match="lists no files"):
                use("/")


def test_nothing_is_written(site: Site) -> None:
    with opened(site.url) as store:
        assert store.capabilities.read_only
        for use in (
            lambda: store.create("/f", size=1),
            lambda: store.put("/f", memoryview(b"1")),
            lambda: store.make_directory("/d"),
            lambda: store.delete("/f"),
            store.create_root,
        ):
            with pytest.raises(NotSupported, match="source alone"):
                use()
    assert site.asked == []


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"1")
    with serving(tmp_path, tls=True) as site:
        with opened(site.url) as store, pytest.raises(StoreUnavailable, match="certificate"):
            store.stat("/f")
        for verify in (str(site.ca_file), False):
            with opened(site.url, {"extra": {"verify": verify}}) as store:
                assert get(store, "/f") == b"1"


def test_what_a_connection_holds_is_shown_to_its_server(site: Site) -> None:
    (site.folder / "f").write_bytes(b"1")
    host, _, port = site.url.partition("://")[2].partition(":")
    place = {"host": host, "port": int(port), "schema": "http"}
    basic = base64.b64encode("müller:s3cret".encode()).decode()
    for connection, expected in (
        ({"login": "müller", "password": "s3cret"}, {"authorization": f"Basic {basic}"}),
        ({**place, "extra": {"bearer_token": "t0ken"}}, {"authorization": "Bearer t0ken"}),
        ({"host": site.url, "extra": {"X-Own": "1", "timeout": 3}}, {"x-own": "1"}),
        ({"extra": {"headers": {"X-Own": "2"}}}, {"x-own": "2"}),
    ):
        with opened(site.url, connection) as store:
            assert get(store, "/f") == b"1"
        assert site.asked[-1][2].items() >= expected.items()
        assert "timeout" not in site.asked[-1][2]


@pytest.mark.parametrize(
    "connection",
    [
        {"host": "other.example", "password": "s3cret"},
        {"host": "127.0.0.1", "port": 1, "password": "s3cret"},
        {"host": "https://127.0.0.1", "password": "s3cret"},
        {"extra": {"bad name": "s3cret"}},
        {"extra": {"X-Own": "s3cret\r\nx: y"}},
        {"extra": {"headers": "s3cret"}},
    ],
)
def test_a_connection_for_another_server_or_none_is_refused(connection: dict[str, Any]) -> None:
    with pytest.raises(WrongUse) as caught:
        opened("http://127.0.0.1:2", connection)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["[::1", "ho st", "a\\b", "h:port", "h%20"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(WrongUse):
        opened(f"http://{host}")


def test_redirects_are_followed_and_credentials_stay_at_home(site: Site) -> None:
    (site.folder / "sp ace").write_bytes(b"1")

    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        led = {"/a": "/b?x=1", "/b?x=1": f"{site.url}/sp ace"}
        return 302, {"Location": led[asked.path]}, b""

    with scripted(answer) as (url, asked), opened(url, {"login": "l", "password": "s3cret"}) as store:
        assert get(store, "/a") == b"1"
        assert store.stat("/a").size == 1
    assert all("authorization" in headers for _, _, headers in asked)
    assert [path for _, path, _ in asked] == ["/a", "/b?x=1"] * 2
    assert not any("authorization" in headers for _, _, headers in site.asked)


@pytest.mark.parametrize("location", ["/again", "ftp://host/f", "http://[", "//"])
def test_redirects_that_lead_nowhere_are_refused(location: str) -> None:
    answered = scripted(lambda _: (302, {"Location": location}, b""))
    with answered as (url, _), opened(url) as store, pytest.raises(StoreError):
        store.stat("/f")


def test_no_redirect_leads_from_https_to_http(tmp_path: Path) -> None:
    from airflow_datamove.stores.http_source import _HttpSource
    from airflow_datamove.stores.http_source_login import Origin, WebLogin

    store = _HttpSource(Origin("https", "h", 443), WebLogin())
    with pytest.raises(StoreError, match="from https to http"):
        store._led("https://h/f", "http://h/f", "/f")
    assert store._led("https://h/a/f", "g?q=1", "/f") == "https://h/a/g?q=1"


def test_no_redirect_leads_into_the_workers_own_network(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("127.0.0.1", "169.254.169.254", "10.1.2.3", "[fd00::1]"):
        assert is_internal(host)
    assert not is_internal("93.184.216.34")
    # This machine plays a server of the world, and by its other name one of the worker's network.
    monkeypatch.setattr("airflow_datamove.stores.http_source.is_internal", lambda host: host == "localhost")
    inside = site.url.replace("127.0.0.1", "localhost")
    answered = scripted(lambda _: (302, {"Location": f"{inside}/f"}, b""))
    with answered as (url, _), opened(url) as store, pytest.raises(StoreError, match="the worker's own network"):
        store.stat("/f")
    assert site.asked == []


@pytest.mark.parametrize("refused", [403, 405, 501])
def test_where_head_is_refused_the_first_byte_tells(refused: int) -> None:
    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        if asked.command == "HEAD":
            return refused, {}, b""
        if asked.path == "/empty":
            return 416, {"Content-Range": "bytes */0"}, b""
        return 206, {"Content-Range": "bytes 0-0/7", "ETag": '"v"'}, b"c"

    with scripted(answer) as (url, _), opened(url) as store:
        assert (store.stat("/f").size, store.stat("/f").version) == (7, '"v"')
        assert store.stat("/empty").size == 0


def test_a_file_of_a_length_that_nobody_says_is_refused() -> None:
    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        return 200, {"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n"

    with scripted(answer) as (url, _), opened(url) as store:
        with pytest.raises(NotSupported, match="how long it is"):
            store.stat("/f")
        assert get(store, "/f") == b"abc"


def test_what_is_packed_stays_so() -> None:
    body = gzip.compress(b"content")

    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        return 200, {"Content-Encoding": "gzip"}, body

    with scripted(answer) as (url, asked), opened(url) as store:
        assert get(store, "/f") == body
    assert asked[0][2]["accept-encoding"] == "identity"


def test_a_weak_etag_is_no_version() -> None:
    with scripted(lambda _: (200, {"ETag": 'W/"1"'}, b"")) as (url, _), opened(url) as store:
        assert store.stat("/f").version is None


def test_another_range_than_was_asked_for_is_no_answer() -> None:
    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        return 206, {"Content-Range": "bytes 0-3/10"}, b"0123"

    with scripted(answer) as (url, _), opened(url) as store, pytest.raises(StoreUnavailable, match="another range"):
        get(store, "/f", offset=4, length=4)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Digest": f"MD5={base64.b64encode(bytes(16)).decode()}"}, {"md5": "00" * 16}),
        ({"Repr-Digest": f"md5=:{base64.b64encode(bytes(16)).decode()}:"}, {"md5": "00" * 16}),
        ({"x-goog-hash": f"crc32c=AAAAAA==,md5={base64.b64encode(bytes(16)).decode()}"},
         {"crc32c": "00000000", "md5": "00" * 16}),
        ({"x-goog-hash": "crc32c=AAAAAA==", "x-goog-stored-content-encoding": "gzip"}, {}),
        ({"Content-MD5": "no digest"}, {}),
        ({"Digest": "md5=AAAA"}, {}),
    ],
)  # fmt: skip
def test_checksums(headers: dict[str, str], expected: dict[str, str]) -> None:
    with scripted(lambda _: (200, headers, b"")) as (url, _), opened(url) as store:
        assert store.stat("/f").checksums == expected


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, PermissionDenied), (403, PermissionDenied), (404, NotFound), (410, NotFound), (418, StoreError)],
)
def test_refusals(status: int, error: type[Exception]) -> None:
    with scripted(lambda _: (status, {}, b"")) as (url, _), opened(url) as store:
        for use in (store.stat, store.open):
            with pytest.raises(error):
                use("/f")


def test_a_cut_connection_is_an_error_and_no_end() -> None:
    with cutting_server(announced=100, sent=10) as port, opened(f"http://127.0.0.1:{port}") as store:
        reader = store.open("/f")
        with pytest.raises(StoreUnavailable, match="90 bytes before the end"):
            reader.read(100) + reader.read(100)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 twice\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_answer_is_told(answer: bytes) -> None:
    with answering_server(answer) as port, opened(f"http://127.0.0.1:{port}") as store:
        for use in (store.stat, store.open):
            with pytest.raises(StoreUnavailable):
                use("/f")


def test_a_server_that_is_away_or_silent_can_be_given_up() -> None:
    started = time.monotonic()
    with opened(f"http://127.0.0.1:{unused_port()}") as store, pytest.raises(StoreUnavailable):
        store.stat("/f")
    with silent_port() as port, opened(f"http://127.0.0.1:{port}") as store:
        threading.Timer(0.2, store.interrupt).start()
        with pytest.raises(StoreUnavailable):
            store.stat("/f")
        with pytest.raises(StoreUnavailable, match="given up"):
            store.stat("/f")
    assert time.monotonic() - started < 20
