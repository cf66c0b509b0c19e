"""A server of static files as one meets them: validators, ranges and conditions, each of which may be missing.

>>> with serving(folder) as site:
...     site.ranges = False
...     urlopen(f"{site.url}/file").status
200
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

_HOST = "127.0.0.1"
_CHUNK = 2**18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass
class Site:
    """A folder that is served, and what its answers have; the switches hold from the next request on."""

    folder: Path
    url: str = ""
    ca_file: Path | None = None
    """What vouches for `url` when it is https."""
    etags: bool = True
    dates: bool = True
    ranges: bool = True
    content_md5: bool = False
    """The MD5 of a whole file, with answers that hold all of it."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers (their names in lower case) of each request so far."""


@contextmanager
def serving(
    folder: Path,
    *,
    tls: bool = False,
    etags: bool = True,
    dates: bool = True,
    ranges: bool = True,
    content_md5: bool = False,
) -> Iterator[Site]:
    """Serve what lies below a folder, on a free port of 127.0.0.1, until the end of the block."""
    site = Site(folder, etags=etags, dates=dates, ranges=ranges, content_md5=content_md5)
    with TemporaryDirectory() as keys, _Server((_HOST, 0), _Handler) as server:
        server.site = site
        site.url = f"http{'s' if tls else ''}://{_HOST}:{server.server_address[1]}"
        if tls:
            site.ca_file = _certificate(Path(keys))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(site.ca_file)
            # The handshake is left to the connection's own thread: a client that says nothing must hold up no other.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A connection that a client keeps for later must not keep the block from ending.
    block_on_close = False
    request_queue_size = 128
    site: Site

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: `Site.asked` has it."""

    def _answer(self) -> None:
        site = self.server.site
        site.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = self._file()
        if path is None:
            self._end(HTTPStatus.NOT_FOUND, {})
            return
        with path.open("rb") as file:
            self._file_answer(site, path, file)

    def _file(self) -> Path | None:
        """Return the file that the path names; a folder is none, nor is what lies outside."""
        root = self.server.site.folder.resolve()
        name = unquote(urlsplit(self.path).path)
        found = (root / name.lstrip("/")).resolve()
        return found if not name.endswith("/") and found.is_file() and found.is_relative_to(root) else None

    def _file_answer(self, site: Site, path: Path, file: BufferedReader) -> None:
        stat = path.stat()
        size, etag, date = (
            stat.st_size,
            f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"',
            formatdate(stat.st_mtime, usegmt=True),
        )
        headers = {"Content-Type": "application/octet-stream"}
        headers |= {"ETag": etag} if site.etags else {}
        headers |= {"Last-Modified": date} if site.dates else {}
        headers |= {"Accept-Ranges": "bytes"} if site.ranges else {}
        if refusal := self._refusal(headers):
            self._end(refusal, headers)
            return
        first, last = self._range(size, headers) if site.ranges else (0, size - 1)
        if first > last and "Content-Range" in headers:
            self._end(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {**headers, "Content-Range": f"bytes */{size}"})
            return
        whole = first == 0 and last == size - 1 and "Content-Range" not in headers
        if whole and site.content_md5:
            digest = hashlib.file_digest(file, "md5").digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode("ascii")
        self._end(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT, headers, last - first + 1)
        if self.command == "GET":
            file.seek(first)
            left = last - first + 1
            while left and (data := file.read(min(_CHUNK, left))):
                self.wfile.write(data)
                left -= len(data)
            # A file that has shrunk meanwhile cannot give what was announced.
            self.close_connection = self.close_connection or left > 0

    def _refusal(self, headers: dict[str, str]) -> HTTPStatus | None:
        """Return the status by which the request's own conditions end it."""
        etag, date = headers.get("ETag"), headers.get("Last-Modified")
        if (wanted := self.headers.get("If-Match")) is not None:
            if wanted.strip() != "*" and etag not in _listed(wanted):
                return HTTPStatus.PRECONDITION_FAILED
        elif (since := self.headers.get("If-Unmodified-Since")) is not None and _later(date, since):
            return HTTPStatus.PRECONDITION_FAILED
        if (known := self.headers.get("If-None-Match")) is not None and (
            known.strip() == "*" or etag in _listed(known)
        ):
            return HTTPStatus.NOT_MODIFIED
        return None

    def _range(self, size: int, headers: dict[str, str]) -> tuple[int, int]:
        """Return the first and the last byte to send, and add `Content-Range` when they were asked for."""
        whole = (0, size - 1)
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if asked is None or asked.groups() == ("", ""):
            return whole
        if condition is not None and condition not in (headers.get("ETag"), headers.get("Last-Modified")):
            return whole
        begin, end = asked.groups()
        if not begin:
            first, last = max(0, size - int(end)), size - 1
        else:
            first, last = int(begin), min(int(end or size), size - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return first, last

    def _end(self, status: HTTPStatus, headers: dict[str, str], length: int = 0) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def _later(date: str | None, since: str) -> bool:
    return date is not None and parsedate_to_datetime(date) > parsedate_to_datetime(since)


def _listed(etags: str) -> list[str]:
    return [each.strip() for each in etags.split(",")]


def _certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that vouches for itself, with its key in the same file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
