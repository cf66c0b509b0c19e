"""``create: true`` where the container or bucket is there: who may write into it need not be allowed to make one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import CopyFailed, PermissionDenied
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.options import CopyOptions
from tests.conftest import gcs_connection, s3_connection
from tests.stores.azure_double import Reply, Request, double
from tests.stores.function_server import Answered, Asked, function_server
from tests.stores.places import make_container
from tests.transfer.trees import make, source_of


def _writer(azurite: dict[str, Any], container: str) -> EnvironmentConnections:
    """A SAS that lets its holder write into a container: not read, not list, not make it."""
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    sas = generate_container_sas(
        azurite["account"],
        container,
        azurite["key"],
        permission=ContainerSasPermissions(create=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    value = {"conn_type": "wasb", "host": azurite["blob"], "extra": {"sas_token": sas}}
    return EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(value)})


def test_a_file_is_copied_into_a_container_by_who_may_do_nothing_but_write(
    tmp_path: Path, azurite: dict[str, Any]
) -> None:
    make(tmp_path, {"f": b"1"})
    for container, there in ((make_container(azurite), True), (f"c{uuid.uuid4().hex[:12]}", False)):
        writer = _writer(azurite, container)
        target = Address.parse(f"abfs://x@{container}/f")
        with open_store(target, writer) as store, pytest.raises(PermissionDenied):
            store.stat("/")
        if there:
            assert copy(source_of(tmp_path / "f"), target, writer, CopyOptions(create=True)).files == 1
        else:
            with pytest.raises(CopyFailed, match="no such container"):
                copy(source_of(tmp_path / "f"), target, writer, CopyOptions(create=True))


@contextmanager
def _azure(look: int, make: int) -> Iterator[tuple[Store, Callable[[], list[str]]]]:
    def answer(request: Request) -> Reply:
        status = make if request.method == "PUT" else look
        return Reply(status, {"x-ms-error-code": _WORDS[status]} if status in _WORDS else {}, _AZURE)

    with double(answer) as server:
        yield server.store(), lambda: [each.method for each in server.requests]


@contextmanager
def _s3(look: int, make: int) -> Iterator[tuple[Store, Callable[[], list[str]]]]:
    def answer(asked: Asked) -> Answered:
        status = make if asked.method == "PUT" else look
        return Answered(status, _S3[status])

    with function_server(answer) as server:
        facts = {"url": server.url, "region": "us-east-1", "access_key": "k", "secret_key": "s"}
        connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(s3_connection(facts))})
        with open_store(Address.parse("s3://x@bucket/"), connections) as store:
            yield store, lambda: [each.method for each in server.asked]


@contextmanager
def _gcs(look: int, make: int) -> Iterator[tuple[Store, Callable[[], list[str]]]]:
    def answer(asked: Asked) -> Answered:
        return Answered(make if asked.method == "POST" else look, b"{}")

    with function_server(answer) as server:
        connections = EnvironmentConnections({"AIRFLOW_CONN_X": json.dumps(gcs_connection({"url": server.url}))})
        with open_store(Address.parse("gs://x@bucket/"), connections) as store:
            yield store, lambda: [each.method for each in server.asked]


_WORDS = {403: "AuthorizationPermissionMismatch", 404: "ContainerNotFound"}
_AZURE = b'<?xml version="1.0"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>'
_S3 = {
    200: b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>',
    403: b"<Error><Code>AccessDenied</Code></Error>",
    404: b"<Error><Code>NoSuchBucket</Code></Error>",
}
Answering = Callable[[int, int], AbstractContextManager[tuple[Store, Callable[[], list[str]]]]]
each_store = pytest.mark.parametrize("answering", [_azure, _s3, _gcs])


@each_store
def test_who_may_neither_look_nor_make_one_is_told_by_what_is_written(answering: Answering) -> None:
    with answering(403, 403) as (store, methods):
        store.create_root()
        assert len(methods()) == 2


@each_store
def test_what_can_be_seen_is_not_made(answering: Answering) -> None:
    with answering(200, 403) as (store, methods):
        store.create_root()
        assert methods() == ["GET"]


@each_store
def test_what_is_known_to_be_missing_and_may_not_be_made_is_an_error(answering: Answering) -> None:
    with answering(404, 403) as (store, _), pytest.raises(PermissionDenied):
        store.create_root()


@each_store
def test_who_may_not_look_may_make_one(answering: Answering) -> None:
    with answering(403, 200) as (store, methods):
        store.create_root()
        assert methods()[-1] in ("PUT", "POST")
