"""Copies that the service makes by itself. Azurite has no Put Blob From URL: that way is tried on recorded answers."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import DatamoveError, NotFound, PermissionDenied, SourceChanged, VerificationFailed
from airflow_datamove.stores import azure_client, azure_sas
from airflow_datamove.stores.azure_blob import AzureBlobStore
from airflow_datamove.stores.azure_credential import SharedKey
from airflow_datamove.stores.azure_sas import DelegationKey, delegation_sas, delegation_text, service_sas
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Attributes, Entry
from airflow_datamove.stores.registry import open_store
from tests.stores.contract import ODD_NAMES
from tests.stores.parts import Parts
from tests.stores.places import get
from tests.stores.test_azure_login import KEY

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PUBLIC = Attributes(1_200_000_000, "text/plain", {"owner": "acme"})


@contextmanager
def _store(**fields: Any) -> Iterator[AzureBlobStore]:
    connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps({"conn_type": "wasb", **fields})})
    with open_store(Address.parse(f"abfs://x@c{uuid.uuid4().hex}/"), connections) as store:
        assert isinstance(store, AzureBlobStore)
        store.create_root()
        yield store


Pair = tuple[AzureBlobStore, AzureBlobStore]


@pytest.fixture(params=["connection_string", "connection_string_2"])
def pair(azurite: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A source in one account, and a destination in it or in another one."""
    with ExitStack() as stack:
        source = stack.enter_context(_store(extra={"connection_string": azurite["connection_string"]}))
        yield source, stack.enter_context(_store(extra={"connection_string": azurite[request.param]}))


def test_a_small_file_is_copied_with_all_that_it_has(pair: Pair) -> None:
    source, destination = pair
    assert destination.can_copy_from(source)
    entry = source.put("/d/f", memoryview(b"content"), PUBLIC).entry
    made, verified_by = destination.copy_from(source, entry, "/e/g", PUBLIC)
    assert (made, verified_by) == (destination.stat("/e/g"), "length")
    assert made._replace(path=entry.path, version=entry.version) == entry
    assert get(destination, "/e/g") == b"content"
    assert destination.stat("/e/g").checksums == entry.checksums


def test_metadata_and_type_are_those_that_are_asked_for(pair: Pair) -> None:
    source, destination = pair
    entry = source.put("/f", memoryview(b"1"), PUBLIC).entry
    made = destination.copy_from(source, entry, "/f", Attributes(None, "text/html")).entry
    assert (made.content_type, made.metadata, made.checksums) == ("text/html", {}, entry.checksums)
    assert made == destination.stat("/f")
    assert made.modified != entry.modified


def test_files_of_every_name_and_of_no_bytes_are_copied(pair: Pair) -> None:
    source, destination = pair
    for name in ODD_NAMES:
        if "\\" not in name:
            entry = source.put(f"/{name}/{name}", memoryview(b"")).entry
            destination.copy_from(source, entry, f"/x/{name}")
            assert destination.stat(f"/x/{name}").size == 0


def test_a_source_that_has_changed_is_told_and_nothing_is_published(pair: Pair) -> None:
    source, destination = pair
    entry = source.put("/f", memoryview(b"old")).entry
    source.put("/f", memoryview(b"new"))
    with pytest.raises(SourceChanged):
        destination.copy_from(source, entry, "/f")
    source.delete("/f")
    with pytest.raises((NotFound, SourceChanged)):
        destination.copy_from(source, entry, "/f")
    assert not destination.exists("/f")


def test_a_large_file_is_copied_in_parts(pair: Pair) -> None:
    source, destination = pair
    parts = Parts(destination, "/f", parts=4)
    content = parts.data
    entry = source.put("/s", memoryview(content), PUBLIC).entry
    first = parts.begin(PUBLIC)
    first.copy(2, source, entry)
    first.copy(0, source, entry)
    second = parts.begin(PUBLIC)
    assert dict(second.held()) == {0: None, 2: None}
    for index in (3, 1):
        second.copy(index, source, entry)
    made = second.commit()
    assert made == destination.stat("/f")
    assert second.verified_by == "length"
    assert (made.checksums, made.metadata, made.modified) == (entry.checksums, {"owner": "acme"}, 1_200_000_000)
    assert get(destination, "/f") == content
    # One that comes late with the same is as good.
    first.copy(1, source, entry)
    first.copy(3, source, entry)
    assert first.commit().size == len(content)


def test_parts_that_are_copied_and_parts_that_are_sent_make_one_file(pair: Pair) -> None:
    source, destination = pair
    parts = Parts(destination, "/f", parts=3)
    entry = source.put("/s", memoryview(parts.data)).entry
    upload = parts.begin()
    upload.copy(0, source, entry)
    upload.copy(1, source, entry)
    parts.put(upload, (1, 2))
    assert dict(parts.begin().held()) == {0: None, 1: parts.crc(1), 2: parts.crc(2)}
    made = upload.commit(parts.whole_crc)
    assert made.checksums["crc32c"] == parts.whole_crc
    assert upload.verified_by == "length"
    assert get(destination, "/f") == parts.data


def test_a_part_of_a_source_that_has_changed(pair: Pair) -> None:
    source, destination = pair
    parts = Parts(destination, "/f")
    entry = source.put("/s", memoryview(parts.data)).entry
    source.put("/s", memoryview(parts.data[::-1]))
    with pytest.raises(SourceChanged, match="/s"):
        parts.begin().copy(0, source, entry)
    source.delete("/s")
    with pytest.raises((NotFound, SourceChanged), match="/s"):
        parts.begin().copy(0, source, entry)


def test_a_source_that_is_shorter_than_it_said_publishes_nothing(pair: Pair) -> None:
    source, destination = pair
    parts = Parts(destination, "/f", parts=2)
    entry = source.put("/s", memoryview(parts.data[:-5])).entry
    upload = parts.begin()
    upload.copy(0, source, entry)
    upload.copy(1, source, entry)
    with pytest.raises(DatamoveError) as caught:
        upload.commit()
    assert caught.value.retryable
    assert not destination.exists("/f")


def test_a_sas_of_the_connection_lends_itself(azurite: dict[str, Any]) -> None:
    from azure.storage.blob import generate_account_sas

    sas = generate_account_sas(
        azurite["account"], azurite["key"], "sco", "rwlcd", datetime.now(UTC) + timedelta(hours=1)
    )
    with (
        _store(host=azurite["blob"], extra={"sas_token": sas}) as source,
        _store(extra={"connection_string": azurite["connection_string_2"]}) as destination,
    ):
        assert source.lend("/f").endswith(sas)
        entry = source.put("/f", memoryview(b"1")).entry
        destination.copy_from(source, entry, "/f")
        assert get(destination, "/f") == b"1"


def test_a_source_that_may_not_be_read_is_denied_and_no_signature_is_told(
    azurite: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        _store(extra={"connection_string": azurite["connection_string"]}) as source,
        _store(extra={"connection_string": azurite["connection_string_2"]}) as destination,
    ):
        entry = source.put("/s", memoryview(b"1")).entry
        wrong = SharedKey(azurite["account"], KEY)
        lender = source._lender
        object.__setattr__(lender._client.account, "credential", wrong)
        url = lender.url("s")
        signature = url.partition("&sig=")[2]
        assert signature
        for use in (
            lambda: destination.copy_from(source, entry, "/f"),
            lambda: Parts(destination, "/f").begin().copy(0, source, entry),
        ):
            with pytest.raises(PermissionDenied) as caught:
                use()
            told = f"{caught.value} {caught.value!r} {caplog.text} {source!r} {lender!r} {source._client.account!r}"
            assert signature not in told
            assert "sig=" not in told


def test_stores_that_cannot_reach_each_other(azurite: dict[str, Any], tmp_path: Any) -> None:
    def of(host: str) -> AzureBlobStore:
        written = {"conn_type": "wasb", "host": host, "login": "acme", "password": KEY}
        connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(written)})
        store = open_store(Address.parse("abfs://x@c/"), connections)
        assert isinstance(store, AzureBlobStore)
        return store

    cloud, other = of("https://acme.blob.core.windows.net"), of("https://else.blob.core.windows.net")
    here, there = of("http://127.0.0.1:1/acme"), of("http://127.0.0.1:2/acme")
    assert cloud.can_copy_from(other)
    assert here.can_copy_from(here)
    assert not cloud.can_copy_from(here)
    assert not here.can_copy_from(cloud)
    assert not here.can_copy_from(there)
    local = open_store(Address.parse(f"file://{tmp_path}"), EnvironmentConnections({}))
    assert not cloud.can_copy_from(local)


DELEGATION = DelegationKey("oid", "tid", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z", "b", "2021-12-02", KEY)


@pytest.mark.parametrize("blob", ["f", "a/b c", "ünï/%20+&", "𝄞"])
def test_the_signatures_are_those_of_the_vendors_client(blob: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import BlobSasPermissions, _shared_access_signature, generate_blob_sas

    monkeypatch.setattr(_shared_access_signature, "X_MS_VERSION", azure_client.VERSION)
    texts: list[str] = []
    how: dict[str, Any] = {
        "permission": BlobSasPermissions(read=True),
        "start": NOW - azure_sas.SKEW,
        "expiry": NOW + azure_sas.LASTS,
    }
    theirs = generate_blob_sas("acme", "c", blob, account_key=KEY, sts_hook=texts.append, **how)
    assert sorted(service_sas(SharedKey("acme", KEY), "c", blob, NOW).split("&")) == sorted(
        theirs.replace("/", "%2F").split("&")
    )
    key = SimpleNamespace(
        signed_oid="oid",
        signed_tid="tid",
        signed_start=DELEGATION.start,
        signed_expiry=DELEGATION.expiry,
        signed_service="b",
        signed_version="2021-12-02",
        signed_delegated_user_tid=None,
        value=KEY,
    )
    theirs = generate_blob_sas("acme", "c", blob, user_delegation_key=key, sts_hook=texts.append, **how)
    ours = delegation_text("acme", DELEGATION, "c", blob, NOW)
    # Later versions of the interface have more lines, all of them empty here.
    assert [line for line in ours.split("\n") if line] == [line for line in texts[1].split("\n") if line]
    assert len(ours.split("\n")) == 24
    unsigned = [pair for pair in delegation_sas("acme", DELEGATION, "c", blob, NOW).split("&") if pair[:4] != "sig="]
    assert sorted(unsigned) == sorted(pair for pair in theirs.split("&") if pair[:4] != "sig=")
    assert KEY not in repr(DELEGATION)


def test_a_wrong_copy_is_taken_away(pair: Pair) -> None:
    source, destination = pair
    entry = source.put("/f", memoryview(b"1")).entry
    lie = Entry(entry.path, entry.kind, 2, entry.modified, {}, entry.version)
    with pytest.raises(VerificationFailed):
        destination.copy_from(source, lie, "/f")
    assert not destination.exists("/f")
