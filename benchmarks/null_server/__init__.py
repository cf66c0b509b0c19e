"""A stand-in for Azure Blob Storage that does no work: it throws away what is sent, and serves zeros.

Beside Azurite, which takes most of the time itself, it shows how fast a client could be. It is a Go program, built once
and kept in the user's cache; where Go is missing, only what is measured against it is.

>>> with serving(files=1, size=2**29) as facts:
...     facts["blob"], facts["source"]
('http://127.0.0.1:34567/devstoreaccount1', 'source')
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import StartFailed
from tests.servers.cache import cached, fetch_by
from tests.servers.server import Facts
from tests.servers.stack import clean_environment

_HERE = Path(__file__).parent
_SOURCES = ("go.mod", "main.go")

# Any login is let in; these are for clients that want one.
_ACCOUNT = "devstoreaccount1"
_KEY = "bm8gc2VjcmV0IGF0IGFsbA=="

# The container that is full from the beginning; all others are empty until something is sent to them.
_SOURCE = "source"


@contextmanager
def serving(files: int = 0, size: int = 0) -> Iterator[Facts]:
    """Serve until the end of the block, on a free port of 127.0.0.1.

    The facts have the names of Azurite's (`url`, `blob`, `account`, `key`, `connection_string`), and `source`: the
    container that holds so many files of so many bytes, 100 to a folder, the first one `data/000/000000.bin`. Nothing
    can be sent there.

    :raises StartFailed: where it is not built yet and Go is missing.
    """
    argv = [str(program()), "-source", _SOURCE, "-blobs", str(files), "-size", str(size)]
    # It ends with its standard input, so it goes with this process whatever happens.
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().decode("ascii").strip()
            if not address:
                raise StartFailed(f"{argv[0]} ended by itself")
            yield _facts(f"http://{address}")
        finally:
            process.stdin.close()


def program() -> Path:
    """Return the program, built from the sources beside this file if it was not before."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((_HERE / name).read_bytes())
    return cached(f"null-server-{digest.hexdigest()[:12]}", _build) / "null-server"


def _build(folder: Path) -> None:
    go = shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/go/bin")
    if go is None:
        raise StartFailed(
            "Go is needed once, to build benchmarks/null_server, and is not here: apt-get install golang-go"
        )
    work = folder / "work"
    work.mkdir()
    for name in _SOURCES:
        shutil.copy(_HERE / name, work)
    # It needs Go's own library alone: nothing is fetched, no other version of Go, nor is a checkout's state asked for.
    env = {"CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    fetch_by([go, "build", "-o", str(folder / "null-server"), "."], work, env)
    shutil.rmtree(work)


def _facts(url: str) -> Facts:
    blob = f"{url}/{_ACCOUNT}"
    login = f"AccountName={_ACCOUNT};AccountKey={_KEY}"
    return {
        "url": url,
        "blob": blob,
        "account": _ACCOUNT,
        "key": _KEY,
        "connection_string": f"DefaultEndpointsProtocol=http;{login};BlobEndpoint={blob};",
        "source": _SOURCE,
    }
