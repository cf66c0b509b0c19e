"""A small HTTP server that gives recorded answers of Azure Blob Storage, for what Azurite does not have: hierarchical
accounts, CRC-64 of ranges, Put Blob From URL, user delegation keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_datamove.stores.azure_blob import AzureBlobStore
from airflow_datamove.stores.azure_client import ContainerClient
from airflow_datamove.stores.azure_credential import Credential, SharedKey
from airflow_datamove.stores.azure_login import AzureAccount

KEY = "bm90IGEgc2VjcmV0"


@dataclass(frozen=True)
class Request:
    """What has come."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Double:
    """A running one."""

    port: int
    requests: list[Request]

    def store(self, credential: Credential | None = None, path: str = "") -> AzureBlobStore:
        """A store whose account is this server.

        :param path: what an emulator's paths begin with; empty, as the service's own.
        """
        account = AzureAccount(f"http://127.0.0.1:{self.port}", path, "acme", credential or SharedKey("acme", KEY))
        return AzureBlobStore(ContainerClient(account, "c"))


@contextmanager
def double(answer: Callable[[Request], Reply | None]) -> Iterator[Double]:
    """A server that answers with what ``answer`` gives; 404 BlobNotFound for ``None``."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *told: object) -> None:
            return

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
            seen.append(request)
            reply = answer(request) or Reply(404, {"x-ms-error-code": "BlobNotFound"})
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    for method in ("GET", "PUT", "HEAD", "DELETE", "POST"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Double(int(server.server_address[1]), seen)
    finally:
        server.shutdown()
        server.server_close()
