"""The server of static files behaves as one that a store must cope with."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.stores.http_server import Site, serving

BYTES = bytes(range(256)) * 40


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a file").write_bytes(BYTES)
    (tmp_path / "empty").write_bytes(b"")
    with serving(tmp_path) as site:
        yield site


def ask(site: Site, path: str = "/folder/a%20file", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    host = urlsplit(site.url).netloc
    if site.ca_file:
        context = ssl.create_default_context(cafile=str(site.ca_file))
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, timeout=5, context=context)
    else:
        connection = http.client.HTTPConnection(host, timeout=5)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def test_a_file_comes_with_its_validators(site: Site) -> None:
    answer = ask(site)
    assert (answer.status, answer.read()) == (200, BYTES)
    assert answer.headers["ETag"]
    assert answer.headers["Last-Modified"]
    assert answer.headers["Content-MD5"] is None
    head = ask(site, method="HEAD")
    assert (head.status, head.headers["Content-Length"], head.read()) == (200, str(len(BYTES)), b"")
    assert ask(site, "/empty").status == 200
    assert ask(site, "/empty", Range="bytes=0-").status == 416
    assert [method for method, _, _ in site.asked] == ["GET", "HEAD", "GET", "GET"]


@pytest.mark.parametrize("path", ["/", "/folder", "/folder/", "/missing", "/empty/", "/../outside", "/%2e%2e/outside"])
def test_what_is_no_file_is_not_found(site: Site, path: str) -> None:
    (site.folder.parent / "outside").write_bytes(b"")
    assert ask(site, path).status == 404


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=5-9", 206, 5, 9),
        ("bytes=10000-", 206, 10000, len(BYTES) - 1),
        ("bytes=-3", 206, len(BYTES) - 3, len(BYTES) - 1),
        ("bytes=5-999999", 206, 5, len(BYTES) - 1),
        ("bytes=0-1,4-5", 200, 0, len(BYTES) - 1),
        ("bytes=9-5", 416, 0, -1),
        (f"bytes={len(BYTES)}-", 416, 0, -1),
    ],
)
def test_a_range(site: Site, asked: str, status: int, first: int, last: int) -> None:
    answer = ask(site, Range=asked)
    assert (answer.status, answer.read()) == (status, BYTES[first : last + 1])
    shown = {206: f"bytes {first}-{last}/{len(BYTES)}", 416: f"bytes */{len(BYTES)}", 200: None}
    assert answer.headers["Content-Range"] == shown[status]


def test_conditions(site: Site) -> None:
    whole = ask(site).headers
    etag, date = whole["ETag"], whole["Last-Modified"]
    assert ask(site, If_Match=etag, Range="bytes=0-1").status == 206
    assert ask(site, If_Match='"other"', Range="bytes=0-1").status == 412
    assert ask(site, If_None_Match=etag).status == 304
    assert ask(site, If_Range=etag, Range="bytes=0-1").status == 206
    assert ask(site, If_Range=date, Range="bytes=0-1").status == 206
    assert ask(site, If_Range='"other"', Range="bytes=0-1").status == 200
    assert ask(site, If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 412


def test_switches(site: Site) -> None:
    site.etags = site.dates = site.ranges = False
    answer = ask(site, Range="bytes=0-1")
    assert (answer.status, answer.read()) == (200, BYTES)
    assert not {"ETag", "Last-Modified", "Accept-Ranges"}.intersection(answer.headers)
    assert ask(site, If_Match='"any"').status == 412
    site.content_md5 = True
    assert ask(site).headers["Content-MD5"] == base64.b64encode(hashlib.md5(BYTES).digest()).decode()


def test_tls(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BYTES)
    with serving(tmp_path, tls=True) as site:
        assert site.url.startswith("https://")
        assert ask(site, "/file").read() == BYTES
        site.ca_file = None
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection(urlsplit(site.url).netloc, timeout=5).request("GET", "/file")
