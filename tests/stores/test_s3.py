from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from awscrt.checksums import crc32c

from airflow_datamove.address import Address
from airflow_datamove.errors import (
    DatamoveError,
    NotFound,
    NotSupported,
    PermissionDenied,
    SourceChanged,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
    WrongUse,
)
from airflow_datamove.stores.aws_login import AwsLogin
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Attributes, Kind, Store
from airflow_datamove.stores.http_client import Answer
from airflow_datamove.stores.registry import open_store
from airflow_datamove.stores.s3_answers import entry_of, error_of
from airflow_datamove.stores.s3_copy import copied
from airflow_datamove.stores.s3_proof import confirmed, proof
from airflow_datamove.stores.s3_service import S3Service
from tests.conftest import s3_connection
from tests.stores.contract import ODD_NAMES, Place, StoreContract
from tests.stores.dead_server import unused_port
from tests.stores.parts import Parts, whole
from tests.stores.parts_contract import PartsContract
from tests.stores.places import get, put
from tests.stores.scripted_server import Answered, scripted


def opened(facts: dict[str, Any], bucket: str, **instead: Any) -> Store:
    value = s3_connection(facts) | instead
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(value)})
    return open_store(Address.parse(f"s3://x@{bucket}/"), connections)


@contextmanager
def s3_place(facts: dict[str, Any]) -> Iterator[tuple[Store, str]]:
    # One bucket for all: to SeaweedFS each is a collection, which takes seven of its volumes.
    with opened(facts, "datamove-tests") as store:
        store.create_root()
        yield store, f"/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def place(seaweedfs: dict[str, Any]) -> Iterator[Place]:
    with s3_place(seaweedfs) as place:
        yield place


@pytest.fixture
def names_of_seaweedfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """To SeaweedFS keys are paths: ``a\\b`` would become ``a/b``; the service keeps it."""
    for suite in ("contract", "parts_contract"):
        monkeypatch.setattr(f"tests.stores.{suite}.ODD_NAMES", [name for name in ODD_NAMES if "\\" not in name])


@pytest.mark.usefixtures("names_of_seaweedfs")
class TestS3(StoreContract): ...


@pytest.mark.usefixtures("names_of_seaweedfs")
class TestS3Parts(PartsContract): ...


def test_a_key_beside_its_own_prefix_is_both(place: Place) -> None:
    store, top = place
    put(store, f"{top}/a", b"1")
    put(store, f"{top}/a/b", b"2")
    assert store.stat(f"{top}/a").kind is Kind.FILE
    assert store.is_both(f"{top}/a")
    assert [(entry.name, entry.kind) for entry in store.list(top)] == [("a", Kind.DIRECTORY), ("a", Kind.FILE)]


def test_a_listing_of_several_pages(place: Place) -> None:
    store, top = place
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"{top}/d/{number:04}", memoryview(b"x")), range(1_205)))
    assert [entry.name for entry in store.list(f"{top}/d")] == [f"{number:04}" for number in range(1_205)]
    found = list(store.walk(top))
    assert len(found) == 1_206
    assert {entry.checksums["md5"] for entry in found if entry.kind is Kind.FILE} == {hashlib.md5(b"x").hexdigest()}


@pytest.mark.parametrize("name", ["x" * 1025, "a/../b", "./x", "half\ud800"])
def test_a_name_that_cannot_be_is_never_asked_after(name: str) -> None:
    with opened(_away(), "b") as store:
        for use in (
            store.stat,
            store.open,
            store.delete,
            store.is_both,
            store.make_directory,
            lambda path: store.put(path, memoryview(b"")),
            lambda path: store.upload(path, size=1, part_size=1, identity="0" * 32),
            lambda path: list(store.list(path)),
            lambda path: list(store.walk(path)),
        ):
            with pytest.raises(NotSupported, match="cannot hold"):
                use(f"/{name}")


def test_the_bucket_itself_is_never_taken_for_a_file(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1")
    with pytest.raises(StoreError, match="not empty"):
        store.delete("/")
    for use in (store.open, lambda path: store.put(path, memoryview(b""))):
        with pytest.raises(NotFound, match="not a file"):
            use("/")
    assert get(store, f"{top}/f") == b"1"


def test_metadata_beyond_ascii_comes_back(place: Place) -> None:
    store, top = place
    metadata = {"owner": "Zoë ☃", "empty": "", "spaces": " both ", "looks": "=?UTF-8?B?eA==?=", "two": "a  b"}
    attributes = Attributes(None, "text/plain; charset=utf-8", {**metadata, "no name": "is dropped"})
    made = store.put(f"{top}/f", memoryview(b"1"), attributes).entry
    found = store.stat(f"{top}/f")
    assert made.metadata == metadata
    # SeaweedFS keeps no metadata of no characters; the service does.
    assert found.metadata is not None
    assert {"empty": "", **found.metadata} == metadata
    assert found.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize("told", [True, False])
def test_a_copy_by_the_service_keeps_content_and_attributes(place: Place, told: bool) -> None:
    store, top = place
    attributes = Attributes(1_000_000_000, "text/csv", {"owner": "acme"})
    store.put(f"{top}/a b+ü", memoryview(b"content"), attributes)
    entry = store.stat(f"{top}/a b+ü") if told else next(iter(store.list(top)))
    assert store.can_copy_from(store)
    made, verified_by = store.copy_from(store, entry, f"{top}/c/d")
    assert verified_by in ("crc32c", "md5")
    assert made == store.stat(f"{top}/c/d")
    assert (made.modified, made.content_type, made.metadata) == (1_000_000_000, "text/csv", {"owner": "acme"})
    assert get(store, f"{top}/c/d") == b"content"


def test_a_copy_of_what_was_replaced_is_source_changed(place: Place) -> None:
    store, top = place
    old = store.put(f"{top}/a", memoryview(b"old")).entry
    store.put(f"{top}/a", memoryview(b"new"))
    gone = store.put(f"{top}/gone", memoryview(b"old")).entry
    store.delete(f"{top}/gone")
    for entry in (old, gone):
        with pytest.raises(SourceChanged):
            store.copy_from(store, entry, f"{top}/b")
    assert not store.exists(f"{top}/b")


def test_parts_are_copied_by_the_service(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/source")
    entry = whole(parts)
    upload = store.upload(f"{top}/copy", size=entry.size, part_size=parts.part_size, identity=uuid.uuid4().hex)
    assert dict(upload.held()) == {}
    for index in range(parts.count):
        upload.copy(index, store, entry)
    made = upload.commit(parts.whole_crc)
    assert made == store.stat(f"{top}/copy")
    assert get(store, f"{top}/copy") == parts.data
    store.put(parts.path, memoryview(b"another"))
    upload = store.upload(f"{top}/late", size=entry.size, part_size=parts.part_size, identity=uuid.uuid4().hex)
    with pytest.raises(SourceChanged):
        upload.copy(0, store, entry)
    upload.abort()


def test_stores_of_other_connections_are_not_copied_between(seaweedfs: dict[str, Any], place: Place) -> None:
    value = json.dumps(s3_connection(seaweedfs))
    connections = EnvironmentConnections({"AIRFLOW_CONN_Y": value})
    with open_store(Address.parse("s3://y@datamove-tests/"), connections) as other:
        assert not other.can_copy_from(place[0])


def test_what_a_dead_try_left_is_found_and_removed(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/d/f")
    upload = parts.begin()
    upload.held()
    parts.put(upload, [0])
    (left,) = store.leftovers(top)
    assert left.modified is not None
    assert abs(left.modified - time.time()) < 60
    store.delete_leftover(left)
    store.delete_leftover(left)
    assert list(store.leftovers(top)) == []
    assert dict(parts.begin().held()) == {}
    with pytest.raises(DatamoveError) as caught:
        upload.commit()
    assert caught.value.retryable
    parts.begin().abort()


def test_parts_of_another_length_do_not_count(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f", parts=2)
    upload = parts.begin()
    upload.held()
    upload.put(0, memoryview(b"short"), f"{crc32c(b'short'):08x}")
    assert dict(parts.begin().held()) == {}
    whole(parts)
    assert get(store, parts.path) == parts.data


def test_what_the_server_holds_of_another_content_is_not_published(place: Place) -> None:
    store, top = place
    parts = Parts(store, f"{top}/f")
    upload = parts.begin()
    upload.held()
    parts.put(upload, range(parts.count))
    with pytest.raises(VerificationFailed):
        upload.commit("00000000")
    assert not store.exists(parts.path)
    assert list(store.leftovers(top)) == []


def test_other_bytes_than_the_checksum_says_are_refused(place: Place) -> None:
    store, top = place
    upload = Parts(store, f"{top}/f").begin()
    upload.held()
    with pytest.raises(VerificationFailed):
        upload.put(0, memoryview(b"data"), "00000000")
    upload.abort()


def test_another_secret_is_refused_and_not_shown(seaweedfs: dict[str, Any]) -> None:
    with opened(seaweedfs, "datamove-tests", password="another-secret") as store:
        for use in (store.stat, lambda path: list(store.list(path)), lambda path: store.put(path, memoryview(b"1"))):
            with pytest.raises(PermissionDenied, match="credential") as caught:
                use("/f")
            assert "another-secret" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_told(seaweedfs: dict[str, Any]) -> None:
    with opened(seaweedfs, "not-there") as store:
        for use in (store.stat, lambda path: list(store.list(path)), lambda path: store.put("/f", memoryview(b"1"))):
            with pytest.raises(NotFound, match="no such bucket"):
                use("/")


def test_a_server_that_is_away_is_told_soon() -> None:
    started = time.monotonic()
    with opened(_away(), "b") as store, pytest.raises(StoreUnavailable):
        store.stat("/f")
    assert time.monotonic() - started < 20


def test_an_interrupted_store_fails_at_once(place: Place) -> None:
    store, top = place
    put(store, f"{top}/f", b"1" * 2**20)
    reader = store.open(f"{top}/f")
    store.interrupt()
    with pytest.raises(StoreUnavailable):
        store.stat(f"{top}/f")
    reader.close()


def test_an_answer_that_begins_well_and_ends_with_an_error_is_one() -> None:
    body = b"\n<?xml version='1.0'?><Error><Code>InternalError</Code></Error>"
    answer = copied(Answer(200, {}, body))
    assert answer.status == 500
    assert isinstance(error_of(answer, "/f"), StoreUnavailable)


def test_an_etag_of_an_object_that_is_encrypted_is_no_md5() -> None:
    headers = {"etag": f'"{"a" * 32}"', "content-length": "3"}
    assert entry_of("/f", headers).checksums == {"md5": "a" * 32}
    kms = headers | {"x-amz-server-side-encryption": "aws:kms"}
    assert entry_of("/f", kms).checksums == {}
    with pytest.raises(VerificationFailed):
        confirmed(b"abc", {}, Answer(200, kms), "/f")
    assert confirmed(b"abc", proof(b"abc", md5=True), Answer(200, kms), "/f") == "md5"


def test_a_bucket_of_amazons_is_part_of_the_hosts_name_where_it_can_be() -> None:
    def place_of(bucket: str, region: str = "", endpoint: str = "") -> tuple[str, str]:
        place = S3Service(AwsLogin("x", None, region, endpoint), bucket)._place
        return place.client.url, place.path

    assert place_of("drop") == ("https://drop.s3.us-east-1.amazonaws.com", "")
    assert place_of("drop", region="cn-north-1")[0] == "https://drop.s3.cn-north-1.amazonaws.com.cn"
    assert place_of("dotted.name", region="eu-west-1") == ("https://s3.eu-west-1.amazonaws.com", "/dotted.name")
    assert place_of("drop", endpoint="http://h:1/base/") == ("http://h:1/base", "/base/drop")


@pytest.mark.parametrize(("bucket", "region"), [("a b", ""), ("..", ""), ("b", "evil.example/")])
def test_what_is_no_bucket_or_region_is_refused(bucket: str, region: str) -> None:
    with pytest.raises(WrongUse):
        S3Service(AwsLogin("x", None, region), bucket)


def test_a_bucket_in_another_region_is_found_there() -> None:
    service = S3Service(AwsLogin("x", None), "drop")
    first = service._place
    assert service._moved(first, Answer(301, {"x-amz-bucket-region": "eu-central-1"}))
    assert service.region == "eu-central-1"
    assert service._place.client.host == "drop.s3.eu-central-1.amazonaws.com"
    assert not service._moved(service._place, Answer(400, {"x-amz-bucket-region": "eu-central-1"}))
    assert not service._moved(first, Answer(301, {"x-amz-bucket-region": "evil.example/"}))


def test_a_copy_of_more_than_one_request_copies(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, top = place
    parts = Parts(store, f"{top}/source")
    entry = whole(parts, Attributes(1_000_000_000))
    monkeypatch.setattr("airflow_datamove.stores.s3.LARGEST", 2**20)
    monkeypatch.setattr("airflow_datamove.stores.s3._COPY_PART", parts.part_size)
    made, _ = store.copy_from(store, entry, f"{top}/copy", Attributes(1_000_000_000))
    assert made == store.stat(f"{top}/copy")
    assert get(store, f"{top}/copy") == parts.data
    assert list(store.leftovers(top)) == []


def test_a_listing_of_encrypted_objects_tells_no_md5() -> None:
    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        if asked.command == "HEAD":
            return 200, {"x-amz-server-side-encryption": "aws:kms:dsse"}, b""
        etag = f"<ETag>&quot;{'a' * 32}&quot;</ETag>"
        contents = f"<Contents><Key>a+b%2Bc</Key><Size>3</Size>{etag}</Contents>"
        return 200, {}, f"<ListBucketResult xmlns='x'>{contents}</ListBucketResult>".encode()

    with scripted(answer) as (url, asked), opened(_away() | {"url": url}, "b") as store:
        for _ in range(2):
            (entry,) = store.walk("/")
            assert (entry.path, entry.size, entry.checksums, entry.version) == ("/a b+c", 3, {}, "a" * 32)
    assert [method for method, _, _ in asked] == ["GET", "HEAD", "GET"]


def test_a_server_that_knows_of_no_crc_gets_md5s() -> None:
    objects: dict[str, str] = {}

    def answer(asked: BaseHTTPRequestHandler) -> Answered:
        path, _, query = asked.path.partition("?")
        if asked.command == "HEAD" or (asked.command == "GET" and not query):
            headers = {"x-amz-meta-datamove-upload": "0" * 32, "ETag": '"c-2"', "Content-Length": "6"}
            return (200, headers, b"") if path in objects and not query else (404, {}, b"")
        body = asked.rfile.read(int(asked.headers.get("content-length", 0)))
        if query == "uploads=":
            return 200, {}, b"<R><UploadId>u</UploadId></R>"
        if asked.command == "POST":
            objects[path] = ""
        return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b"<R/>" if asked.command == "POST" else b""

    with scripted(answer) as (url, asked), opened(_away() | {"url": url}, "b") as store:
        for _ in range(2):
            made, verified_by = store.put("/f", memoryview(b"abc"))
            assert (made.checksums, verified_by) == ({"md5": hashlib.md5(b"abc").hexdigest()}, "md5")
        upload = store.upload("/g", size=6, part_size=3, identity="0" * 32)
        assert upload.held() == {}
        for index in (1, 0):
            upload.put(index, memoryview(b"abc"), f"{crc32c(b'abc'):08x}")
        assert upload.commit().size == 6
        assert upload.verified_by == "md5"
    puts = [headers for method, path, headers in asked if method == "PUT" and ".upload" not in path]
    assert all("content-md5" in headers for headers in puts)
    assert ["x-amz-checksum-crc32c" in headers for headers in puts] == [True, False, False, False]


def test_a_body_is_another_than_the_servers_etag_says() -> None:
    answered = scripted(lambda _: (200, {"ETag": f'"{"0" * 32}"'}, b""))
    with answered as (url, _), opened(_away() | {"url": url}, "b") as store, pytest.raises(VerificationFailed):
        store.put("/f", memoryview(b"abc"))


def _away() -> dict[str, Any]:
    url = f"http://127.0.0.1:{unused_port()}"
    return {"url": url, "access_key": "a", "secret_key": "b", "region": "us-east-1"}
