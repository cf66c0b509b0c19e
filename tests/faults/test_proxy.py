"""The proxy does to connections what it is told, no more, and counts right."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy, Way, proxying
from tests.stores.http_server import Site, serving

MIB = 2**20
BYTES = bytes(range(251)) * 20_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "file").write_bytes(BYTES)
    (tmp_path / "small").write_bytes(BYTES[:100])
    with serving(tmp_path) as site:
        yield site


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    with proxying(int(site.url.rpartition(":")[2])) as proxy:
        yield proxy


@contextmanager
def swallowing() -> Iterator[tuple[int, list[bytearray]]]:
    """A server that keeps what each connection sends, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[bytearray] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(bytearray())
                threading.Thread(target=keep, args=(connection, kept[-1]), daemon=True).start()

        def keep(connection: socket.socket, into: bytearray) -> None:
            with connection:
                try:
                    while data := connection.recv(2**16):
                        into.extend(data)
                    connection.sendall(b"ended")
                except OSError:
                    into.extend(b"RST")

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], kept


def send(port: int, data: bytes, timeout: float = 5.0) -> bytes:
    """Send all, say that this was all, and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while more := connection.recv(2**16):
            found += more
        return found


def fetch(proxy: Proxy, path: str = "/file", timeout: float = 5.0) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def differences(found: bytes, wanted: bytes) -> list[int]:
    assert len(found) == len(wanted)
    return [index for index, (ours, theirs) in enumerate(zip(found, wanted, strict=True)) if ours != theirs]


def test_bytes_pass_both_ways_and_are_counted() -> None:
    with swallowing() as (port, kept), proxying(port) as proxy:
        for data in (BYTES, b"two"):
            assert send(proxy.port, data) == b"ended"
    assert kept == [BYTES, b"two"]
    assert [(each.up, each.down) for each in proxy.connections] == [(len(BYTES), 5), (3, 5)]
    assert (proxy.total.up, proxy.total.down) == (len(BYTES) + 3, 10)
    assert sum(count for _, count in proxy.timelines[Way.UP]) == proxy.total.up
    assert proxy.most_within(60.0, Way.UP) == proxy.total.up


def test_a_connection_is_used_again(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    for _ in range(3):
        connection.request("GET", "/file")
        assert connection.getresponse().read() == BYTES
    connection.close()
    assert len(proxy.connections) == 1


def test_a_delay_holds_each_direction_back_but_not_the_rate(proxy: Proxy) -> None:
    proxy.delay = 0.2
    began = time.monotonic()
    assert fetch(proxy) == BYTES
    assert 0.4 <= time.monotonic() - began < 2.0


def test_the_rate_is_kept_over_all_connections(proxy: Proxy) -> None:
    proxy.throttle = 5 * MIB
    began = time.monotonic()
    threads = [threading.Thread(target=fetch, args=(proxy,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began > 0.9 * 2 * len(BYTES) / (5 * MIB)
    assert 0.5 * 5 * MIB < proxy.most_within(1.0) < 1.1 * 5 * MIB


def test_a_cut_comes_after_exactly_so_many_bytes() -> None:
    with swallowing() as (port, kept), proxying(port) as proxy:
        proxy.cut(after=100_000, way=Way.UP)
        # Who still sends when the other end is closed is told so by a RST.
        with suppress(OSError):
            assert send(proxy.port, BYTES) == b""
        assert send(proxy.port, BYTES) == b"ended"
        assert proxy.cuts == 1
    assert bytes(kept[0]) == BYTES[:100_000]
    assert bytes(kept[1]) == BYTES


def test_a_cut_answer_is_short_or_reset(proxy: Proxy) -> None:
    proxy.cut(after=MIB)
    with pytest.raises(http.client.IncompleteRead) as short:
        fetch(proxy)
    assert MIB - 2000 < len(short.value.partial) < MIB
    proxy.cut(after=MIB, reset=True)
    with pytest.raises(ConnectionResetError):
        fetch(proxy)
    proxy.cut(after=0, reset=True, times=2)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            fetch(proxy)
    assert fetch(proxy) == BYTES
    assert proxy.cuts == 4


def test_one_byte_of_a_body_is_changed(proxy: Proxy) -> None:
    proxy.corrupt(offset=70_000, way=Way.DOWN)
    assert fetch(proxy, "/small") == BYTES[:100], "its body is too short"
    assert differences(fetch(proxy), BYTES) == [70_000]
    assert fetch(proxy) == BYTES
    assert proxy.flips == 1


def test_answers_without_a_body_have_none_to_change(proxy: Proxy) -> None:
    proxy.corrupt(offset=0, way=Way.DOWN)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    for method, path, found in (("HEAD", "/file", b""), ("GET", "/missing", b""), ("GET", "/small", None)):
        connection.request(method, path)
        answer = connection.getresponse().read()
        assert found is None or answer == found
    connection.close()
    assert differences(answer, BYTES[:100]) == [0]


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_bodies_that_are_sent_are_told_from_heads(pieces: int) -> None:
    plain = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
    bare = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    chunked = (
        b"PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n8;x=y\r\nefghijkl\r\n0\r\nA: b\r\n\r\n"
    )
    sent = bare + plain + chunked + bare
    with swallowing() as (port, kept), proxying(port) as proxy:
        proxy.corrupt(offset=10)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for begin in range(0, len(sent), pieces):
                connection.sendall(sent[begin : begin + pieces])
                if pieces > 1:
                    time.sleep(0.001)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(10)
    assert differences(bytes(kept[0]), sent) == [sent.index(b"kl")]


def test_any_byte_is_changed_where_it_is_no_http() -> None:
    with swallowing() as (port, kept), proxying(port) as proxy:
        send(proxy.port, BYTES)
        proxy.corrupt(offset=99_999, way=Way.UP, bodies=False)
        send(proxy.port, BYTES)
    assert differences(bytes(kept[1]), BYTES) == [99_999]


def test_one_that_hangs_answers_nothing_until_it_does_again(proxy: Proxy) -> None:
    proxy.hang = True
    with pytest.raises(TimeoutError):
        fetch(proxy, timeout=0.3)
    proxy.mend()
    assert fetch(proxy) == BYTES


def test_a_server_that_is_gone_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxying(port) as proxy, pytest.raises(ConnectionResetError):
        fetch(proxy)


def test_nothing_of_it_is_left_at_the_end(site: Site) -> None:
    before = threading.active_count()
    with proxying(int(site.url.rpartition(":")[2])) as proxy:
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        fetch(proxy, "/small")
    assert threading.active_count() <= before + 1, "the site's own thread may wait for a next request"
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        fetch(proxy)
