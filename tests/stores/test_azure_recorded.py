"""What Azurite does not do, on answers in the shape that the vendor documents."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable

import pytest
from awscrt.checksums import crc64nvme

from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    PermissionDenied,
    StoreError,
    StoreUnavailable,
    Throttled,
    VerificationFailed,
)
from airflow_datamove.stores.azure_credential import Sas, Token
from airflow_datamove.stores.contract import Attributes, Entry, Kind
from tests.stores.azure_double import KEY, Reply, Request, double
from tests.stores.places import get
from tests.stores.test_azure_login import _Source

_DATE = "Wed, 04 Mar 2026 05:06:07 GMT"
_MD5 = "00112233445566778899aabbccddeeff"
_MD5_64 = base64.b64encode(bytes.fromhex(_MD5)).decode()
_FOUND = {"etag": '"1"', "last-modified": _DATE, "content-type": "text/plain"}
_ENTRY = Entry("/s", Kind.FILE, 3, 1.0, {"md5": _MD5}, '"9"', "text/plain", {})


@pytest.mark.parametrize("broken", [False, True])
def test_a_range_is_checked_against_the_services_crc64(broken: bool) -> None:
    data = bytes(range(256)) * 40

    def answer(request: Request) -> Reply:
        asked = request.headers["x-ms-range"]
        start, end = (int(each) for each in asked.removeprefix("bytes=").split("-"))
        piece = data[start : end + 1]
        assert request.headers["x-ms-range-get-content-crc64"] == "true"
        crc = base64.b64encode(crc64nvme(piece).to_bytes(8, "little")).decode()
        return Reply(206, {**_FOUND, "x-ms-content-crc64": crc}, b"x" + piece[1:] if broken else piece)

    with double(answer) as server, server.store() as store:
        if broken:
            with pytest.raises(VerificationFailed, match="crc64"):
                get(store, "/f", offset=10, length=9000)
        else:
            assert get(store, "/f", offset=10, length=9000) == data[10:9010]


def test_a_service_that_sends_no_crc64_is_not_asked_again() -> None:
    def answer(request: Request) -> Reply:
        if "x-ms-range-get-content-crc64" in request.headers:
            return Reply(400, {"x-ms-error-code": "FeatureNotSupported"})
        return Reply(206, _FOUND, b"abc")

    with double(answer) as server, server.store() as store:
        for _ in range(2):
            assert get(store, "/f", offset=0, length=3) == b"abc"
        assert len(server.requests) == 3


def test_a_large_range_asks_for_no_crc64() -> None:
    with double(lambda request: Reply(206, _FOUND, b"abc")) as server, server.store() as store:
        assert get(store, "/f", offset=5, length=2**23) == b"abc"
        assert "x-ms-range-get-content-crc64" not in server.requests[0].headers


def test_a_body_that_is_cut_is_an_error() -> None:
    reply = Reply(200, {**_FOUND, "content-length": "10", "connection": "close"}, b"abc")
    with double(lambda request: reply) as server, server.store() as store, pytest.raises(StoreUnavailable):
        get(store, "/f")


def test_a_service_that_is_asked_for_a_range_and_sends_all_is_not_believed() -> None:
    with (
        double(lambda request: Reply(200, _FOUND, b"abc")) as server,
        server.store() as store,
        pytest.raises(StoreUnavailable, match="range"),
    ):
        get(store, "/f", offset=1)


def _copying(found: dict[str, str]) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        return Reply(200, {**_FOUND, **found}) if request.method == "HEAD" else Reply(201, _FOUND)

    return answer


def test_a_whole_copy_is_one_call_that_has_the_service_compare_the_md5() -> None:
    told = {"content-length": "3", "content-md5": _MD5_64, "x-ms-meta-owner": "acme"}
    with double(_copying(told)) as server, server.store() as store, server.store(Sas(lambda: "sig=x")) as source:
        made, verified_by = store.copy_from(source, _ENTRY, "/f", Attributes(5.0, "text/plain", {"owner": "acme"}))
        assert (made.size, made.checksums, verified_by) == (3, {"md5": _MD5}, "md5")
        put, head = server.requests
        assert (put.method, head.method) == ("PUT", "HEAD")
        sent = put.headers
        assert sent["x-ms-copy-source"] == f"http://127.0.0.1:{server.port}/c/s?sig=x"
        assert sent["x-ms-source-if-match"] == '"9"'
        assert sent["x-ms-source-content-md5"] == sent["x-ms-blob-content-md5"] == _MD5_64
        assert (sent["x-ms-blob-type"], sent["content-length"]) == ("BlockBlob", "0")
        assert sent["x-ms-meta-owner"] == "acme"
        assert sent["x-ms-meta-mtime"] == "1970-01-01T00:00:05.000000Z"


def test_a_service_without_that_call_is_asked_once() -> None:
    def answer(request: Request) -> Reply:
        if request.method == "PUT" and "x-ms-requires-sync" not in request.headers:
            return Reply(501)
        return _copying({"content-length": "3"})(request)

    with double(answer) as server, server.store() as store:
        for _ in range(2):
            assert store.copy_from(store, _ENTRY, "/f").verified_by == "length"
        assert [each.method for each in server.requests] == ["PUT", "PUT", "HEAD", "PUT", "HEAD"]


def test_a_copy_of_another_md5_is_taken_away_again() -> None:
    wrong = {"content-length": "3", "content-md5": base64.b64encode(bytes(16)).decode()}
    with double(_copying(wrong)) as server, server.store() as store:
        with pytest.raises(VerificationFailed):
            store.copy_from(store, _ENTRY, "/f")
        assert (server.requests[-1].method, server.requests[-1].headers["if-match"]) == ("DELETE", '"1"')


_DELEGATION = (
    "<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>a</SignedStart>"
    "<SignedExpiry>b</SignedExpiry><SignedService>b</SignedService><SignedVersion>2021-12-02</SignedVersion>"
    f"<Value>{KEY}</Value></UserDelegationKey>"
)


def test_a_source_with_a_token_asks_once_for_a_key_to_sign_with() -> None:
    def answer(request: Request) -> Reply | None:
        return Reply(200, body=_DELEGATION.encode()) if request.method == "POST" else None

    with double(answer) as server, server.store(Token(_Source(3600))) as source:
        urls = {source.lend("/a b"), source.lend("/c")}
        (asked,) = server.requests
        assert (asked.path, asked.query) == ("/", {"restype": "service", "comp": "userdelegationkey"})
        assert asked.headers["authorization"] == "Bearer token1"
        assert asked.body.startswith(b"<KeyInfo><Start>20")
        assert all("&skoid=oid&sktid=tid&" in url and "&sr=b&sig=" in url for url in urls)
        assert any(url.startswith(f"http://127.0.0.1:{server.port}/c/a%20b?sp=r&st=") for url in urls)


def test_throttling_is_waited_for_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    times: list[int] = []

    def answer(request: Request) -> Reply:
        times.append(1)
        busy = len(times) < 3 or request.path == "/c/busy"
        headers = {"x-ms-error-code": "ServerBusy", "retry-after": "0"}
        return Reply(503, headers) if busy else Reply(201, _FOUND)

    with double(answer) as server, server.store() as store:
        assert store.put("/f", memoryview(b"1")).entry.version == '"1"'
        with pytest.raises(Throttled) as caught:
            store.put("/busy", memoryview(b"1"))
        assert caught.value.retry_after == 0
        assert len(server.requests) == 7


def test_nobody_waits_long_for_a_service_that_asks_for_an_hour() -> None:
    began = time.monotonic()
    reply = Reply(503, {"x-ms-error-code": "ServerBusy", "retry-after": "3600"})
    with double(lambda request: reply) as server, server.store() as store:
        for use in (lambda: store.put("/f", memoryview(b"1")), lambda: get(store, "/f")):
            with pytest.raises(Throttled) as caught:
                use()
            assert caught.value.retry_after == 3600
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "code", "expected", "said"),
    [
        (404, "ContainerNotFound", NotFound, "no such container"),
        (409, "ContainerBeingDeleted", StoreUnavailable, "being deleted"),
        (403, "AuthenticationFailed", DatamoveError, "does not allow"),
        (400, "InvalidAuthenticationInfo", PermissionDenied, "does not allow"),
        (412, "LeaseIdMissing", PermissionDenied, "lease"),
        (409, "BlobArchived", StoreError, "Rehydrate"),
        (409, "BlobImmutableDueToPolicy", PermissionDenied, "policy"),
        (409, "BlobAlreadyExists", AlreadyExists, "stands"),
        (409, "InvalidBlobType", StoreError, "InvalidBlobType"),
        (400, "Md5Mismatch", VerificationFailed, "checksum"),
        (400, "OutOfRangeInput", DatamoveError, "cannot hold"),
        (418, "", DatamoveError, "418"),
    ],
)
def test_what_the_service_says_in_our_words_and_no_signature_with_it(
    status: int, code: str, expected: type[DatamoveError], said: str
) -> None:
    with (
        double(lambda request: Reply(status, {"x-ms-error-code": code}, b"sig=hidden")) as server,
        server.store(Sas(lambda: "sp=r&sig=hidden")) as store,
    ):
        for use in (lambda: store.put("/f", memoryview(b"1")), lambda: get(store, "/f"), lambda: store.stat("/f")):
            with pytest.raises(expected, match=said) as caught:
                use()
            assert "hidden" not in f"{caught.value} {caught.value!r}"
        assert server.requests[0].query["sig"] == "hidden"


def test_a_cancelled_copy_is_broken_off_at_once() -> None:
    def answer(request: Request) -> Reply:
        time.sleep(20)
        return Reply(201, _FOUND)

    failed: list[BaseException] = []
    with double(answer) as server, server.store() as store:

        def put() -> None:
            try:
                store.put("/f", memoryview(b"1"))
            except DatamoveError as error:
                failed.append(error)

        thread = threading.Thread(target=put)
        thread.start()
        while not server.requests:
            time.sleep(0.01)
        began = time.monotonic()
        store.interrupt()
        thread.join(10)
        assert time.monotonic() - began < 2
        assert isinstance(failed[0], StoreUnavailable)
