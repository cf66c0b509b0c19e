"""What networks and servers do to a copy: the destination is right, or the copy fails; never neither."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_datamove.errors import CopyFailed, StoreUnavailable, VerificationFailed
from airflow_datamove.stores import http_client
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.transfer import passage
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.crew import Gate
from airflow_datamove.transfer.options import CopyOptions, Publish, Verify
from airflow_datamove.transfer.progress import Progress
from tests.faults.proxy import Proxy, Way, proxying
from tests.transfer.ends import Ends
from tests.transfer.trees import Tree, destination_of, make, read, source_of

KIB, MIB = 2**10, 2**20
SCHEMES = ["abfs", "s3"]
PARTS = {"abfs": 256 * KIB, "s3": 5 * MIB}
LARGE = {"abfs": 2 * MIB + 17, "s3": 11 * MIB + 17}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries that are fit for tests."""
    monkeypatch.setattr(passage, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(http_client, "_FIRST_PAUSE", 0.02)


def _tree(scheme: str) -> Tree:
    small: Tree = {f"d{number % 2}/f{number}": random.Random(number).randbytes(60_000) for number in range(6)}
    return {**small, "zero": b"", "large": random.Random(99).randbytes(LARGE[scheme])}


class _Case:
    """A tree that is copied to a store, or from there, through a proxy."""

    def __init__(self, ends: Ends, scheme: str, way: Way, top: Path, proxy: Proxy) -> None:
        self.way, self.proxy, self._top = way, proxy, top
        self.tree = _tree(scheme)
        self.options = CopyOptions(part_size=PARTS[scheme], threads=4)
        straight = ends(scheme)
        self.straight = straight
        self.near = ends.through(straight, scheme, proxy.port)
        make(top / "s", self.tree)
        if way is Way.DOWN:
            copy(source_of(top / "s"), straight.at("s"), straight.connections, self.options)

    def copy(self, progress: Callable[[Progress], None] | None = None, **options: object) -> None:
        asked = CopyOptions(**{**{"part_size": self.options.part_size, "threads": 4}, **options})  # type: ignore[arg-type]
        if self.way is Way.UP:
            report = copy(
                source_of(self._top / "s"), self.near.at("t"), self.near.connections, asked, progress=progress
            )
        else:
            target = destination_of(self._top / "t")
            report = copy(self.near.at("s"), target, self.near.connections, asked, progress=progress)
        assert (report.failed, report.files) == (0, len(self.tree) - report.skipped)

    def found(self) -> Tree:
        return self.straight.read("t") if self.way is Way.UP else read(self._top / "t")

    def debris(self) -> list[str]:
        if self.way is Way.UP:
            return [entry.path for entry in self.straight.debris()]
        return [str(path) for path in (self._top / "t").rglob(".datamove-*")]

    def is_right(self) -> None:
        assert self.found() == self.tree
        assert self.debris() == []


@pytest.fixture
def case(request: pytest.FixtureRequest, ends: Ends, tmp_path: Path) -> Iterator[_Case]:
    scheme, way = request.param
    with proxying(ends.port(scheme)) as proxy:
        yield _Case(ends, scheme, way, tmp_path, proxy)


both_ways = pytest.mark.parametrize(
    "case",
    [(scheme, way) for scheme in SCHEMES for way in Way],
    indirect=True,
    ids=lambda each: f"{each[0]}-{each[1].value}",
)


@both_ways
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_connections_that_are_cut_anywhere_are_made_again(case: _Case, reset: bool) -> None:
    for way, offsets in ((Way.UP, (0, 400, 30_000, 200_000, 700_000)), (Way.DOWN, (1, 30_000, 200_000, 700_000))):
        for offset in offsets:
            case.proxy.cut(offset, way, reset=reset)
    case.copy()
    assert case.proxy.cuts >= 5
    case.is_right()


@pytest.mark.parametrize("case", [("abfs", Way.UP), ("s3", Way.UP)], indirect=True, ids=["abfs", "s3"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_bytes_that_are_sent_again_count_once(case: _Case, reset: bool) -> None:
    told: list[Progress] = []
    for offset in (20_000, 200_000, 1_500_000):
        case.proxy.cut(offset, Way.UP, reset=reset)
    case.copy(progress=told.append)
    assert case.proxy.cuts == 3
    assert (told[-1].bytes_done, told[-1].files_done) == (told[-1].bytes, told[-1].files)


def test_bytes_that_a_busy_server_has_sent_again_count_once(tmp_path: Path, ends: Ends) -> None:
    make(tmp_path / "s", {f"f{number}": os.urandom(2000) for number in range(20)})
    end, told = ends("abfs"), list[Progress]()
    with _busy(ends.port("abfs"), refused=10) as busy:
        near = ends.through(end, "abfs", busy.port)
        copy(source_of(tmp_path / "s"), end.at("t"), near.connections, CopyOptions(threads=4), progress=told.append)
    assert busy.refused == 10
    assert told[-1].bytes_done == told[-1].bytes == 20 * 2000


@both_ways
def test_a_slow_and_distant_server_is_waited_for(case: _Case) -> None:
    case.proxy.delay = 0.02
    case.proxy.throttle = 8 * MIB
    case.copy()
    case.is_right()


@both_ways
@pytest.mark.parametrize("offset", [50_000, 150_000], ids=["small", "parts"])
def test_a_byte_that_changes_on_its_way_is_noticed_and_moved_again(case: _Case, offset: int) -> None:
    """Of bodies that are shorter than the offset none is touched: one case is of small files, the other of parts."""
    case.proxy.corrupt(offset, case.way)
    case.copy()
    assert case.proxy.flips == 1
    case.is_right()


@pytest.mark.parametrize("case", [("abfs", Way.UP), ("abfs", Way.DOWN)], indirect=True, ids=["up", "down"])
def test_a_link_that_changes_bytes_each_time_fails_the_copy_and_nothing_wrong_is_published(case: _Case) -> None:
    case.proxy.corrupt(50_000, case.way, times=10**6)
    with pytest.raises(CopyFailed) as caught:
        case.copy()
    assert caught.value.retryable
    assert all(isinstance(error, VerificationFailed) for _, error in caught.value.failures)
    assert len(caught.value.failures) == 7
    found = case.found()
    assert {name: content for name, content in found.items() if content is not None} == {"zero": b""}
    case.proxy.mend()
    case.copy()
    assert case.found() == case.tree


@pytest.mark.parametrize("publish", list(Publish))
def test_parts_that_came_out_wrong_are_not_taken_for_right_by_the_next_attempt(
    tmp_path: Path, ends: Ends, publish: Publish
) -> None:
    """The source knows only the MD5 of the whole, and the destination cannot forget single parts."""
    data = random.Random(5).randbytes(3 * MIB)
    end = ends("abfs")
    with end.opened() as store:
        store.put(end.at("s/large").path, memoryview(data))
        assert set(store.stat(end.at("s/large").path).checksums) == {"md5"}
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port).environment["AIRFLOW_CONN_BLOB"]
        connections = EnvironmentConnections({**end.environment, "AIRFLOW_CONN_NEAR": near})
        source = type(end.address).parse(str(end.at("s")).replace("blob@", "near@"))
        proxy.corrupt(200_000, Way.DOWN)
        options = CopyOptions(part_size=256 * KIB, publish=publish)
        report = copy(source, end.at("t"), connections, options)
        assert proxy.flips == 1
    assert report.failed == 0
    assert end.read("t")["large"] == data


@pytest.mark.parametrize("case", [("abfs", Way.UP), ("abfs", Way.DOWN), ("s3", Way.UP)], indirect=True, ids=str)
def test_a_server_that_never_answers_fails_the_copy_in_bounded_time(
    case: _Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer_within(monkeypatch, 0.3)
    case.proxy.hang = True
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer in time"):
        case.copy()
    assert time.monotonic() - began < 10
    case.proxy.hang = False

    def hang(progress: Progress) -> None:
        case.proxy.hang = True

    with pytest.raises(CopyFailed) as caught:
        case.copy(progress=hang, rate=MIB)
    assert time.monotonic() - began < 30
    assert caught.value.retryable
    case.proxy.hang = False
    case.copy()
    assert case.found() == case.tree


@pytest.mark.parametrize("case", [("abfs", Way.UP)], indirect=True, ids=["up"])
def test_a_server_that_hangs_for_a_while_is_waited_for(case: _Case) -> None:
    case.proxy.hang = True
    threading.Timer(1.0, case.proxy.mend).start()
    case.copy()
    case.is_right()


@pytest.mark.parametrize("case", [("abfs", Way.UP)], indirect=True, ids=["small-and-parts"])
def test_what_is_corrupted_at_the_destination_is_found_by_reading_it_back(
    case: _Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store takes is right; what it gives later is not: the first time of each file."""
    from airflow_datamove.stores.azure_blob import AzureBlobStore

    spoilt: set[str] = set()
    really_open = AzureBlobStore.open

    def opened(self: AzureBlobStore, path: str, **how: object) -> object:
        if path not in spoilt and path.endswith(("/large", "/f1")):
            spoilt.add(path)
            data = bytearray(really_open(self, path, **how).read())  # type: ignore[arg-type]
            data[1000] ^= 1
            self.put(path, memoryview(data))
        return really_open(self, path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(AzureBlobStore, "open", opened)
    case.copy(verify=Verify.READ_BACK)
    assert len(spoilt) == 2
    case.is_right()


def test_a_server_that_asks_for_less_gets_less_and_the_copy_ends_well(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    throttled = Gate.throttled

    def told(self: Gate) -> None:
        throttled(self)
        limits.append(int(self._limit))

    monkeypatch.setattr(Gate, "throttled", told)
    make(tmp_path / "s", {f"f{number}": os.urandom(2000) for number in range(60)})
    end = ends("abfs")
    with _busy(ends.port("abfs"), refused=60) as busy:
        report = copy(
            source_of(tmp_path / "s"),
            end.at("t"),
            ends.through(end, "abfs", busy.port).connections,
            CopyOptions(threads=16),
        )
    assert (report.files, report.failed) == (60, 0)
    assert busy.refused == 60
    assert limits
    assert min(limits) < 16
    assert end.read("t") == read(tmp_path / "s")


class _Busy(ThreadingHTTPServer):
    """A server before another one that answers so many writes with 503 or 429, and asks to be left alone a while."""

    daemon_threads, block_on_close = True, False

    def __init__(self, port: int, left: int) -> None:
        super().__init__(("127.0.0.1", 0), _BusyHandler)
        self.behind, self.left, self.refused = port, left, 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _BusyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Busy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with self.server.lock:
            refuse = self.command == "PUT" and self.server.left > 0
            self.server.left -= refuse
            self.server.refused += refuse
        if refuse:
            self._answer(503 if self.server.refused % 2 else 429, {"Retry-After": "0.05"}, b"")
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        behind.request(self.command, self.path, body, dict(self.headers.items()))
        answer = behind.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _OWN}
        self._answer(answer.status, headers, answer.read())
        behind.close()

    def log_message(self, *told: object) -> None:
        """Nobody reads it."""

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


for _method in ("GET", "PUT", "HEAD", "DELETE"):
    setattr(_BusyHandler, f"do_{_method}", _BusyHandler.handle_any)
_OWN = ("content-length", "transfer-encoding", "connection", "keep-alive", "date", "server")


@contextmanager
def _busy(port: int, refused: int) -> Iterator[_Busy]:
    with _Busy(port, refused) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def _answer_within(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(passage, "TRIES", 2)
    after_init = http_client.HttpClient.__post_init__

    def hasty(self: http_client.HttpClient) -> None:
        after_init(self)
        self.answer_seconds, self.tries = seconds, 1

    monkeypatch.setattr(http_client.HttpClient, "__post_init__", hasty)
