"""A fresh, empty directory in each kind of store."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from airflow_datamove.address import Address
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Attributes, Store
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection, hdfs_connection


@contextmanager
def hdfs_place(hadoop: dict[str, Any]) -> Iterator[tuple[Store, str]]:
    connections = EnvironmentConnections({"AIRFLOW_CONN_ONPREM": json.dumps(hdfs_connection(hadoop))})
    path = f"/tests/{uuid.uuid4().hex[:12]}"
    with open_store(Address.parse("hdfs://onprem@/"), connections) as store:
        store.make_directory(path)
        yield store, path
        requests.delete(f"{hadoop['webhdfs']}/webhdfs/v1{path}?op=DELETE&recursive=true&user.name=root", timeout=60)


@contextmanager
def azure_place(azurite: dict[str, Any]) -> Iterator[tuple[Store, str]]:
    value = {"conn_type": "wasb", "extra": {"connection_string": azurite["connection_string"]}}
    connections = EnvironmentConnections({"AIRFLOW_CONN_BLOB": json.dumps(value)})
    container = make_container(azurite)
    with open_store(Address.parse(f"abfs://blob@{container}/"), connections) as store:
        yield store, "/place"


@contextmanager
def gcs_place(gcs: dict[str, Any]) -> Iterator[tuple[Store, str]]:
    connections = EnvironmentConnections({"AIRFLOW_CONN_GCP": json.dumps(gcs_connection(gcs))})
    bucket = make_bucket(gcs)
    with open_store(Address.parse(f"gs://gcp@{bucket}/"), connections) as store:
        yield store, "/place"


def make_container(azurite: dict[str, Any]) -> str:
    from azure.storage.blob import BlobServiceClient

    name = f"c{uuid.uuid4().hex[:12]}"
    with BlobServiceClient.from_connection_string(azurite["connection_string"]) as service:
        service.create_container(name)
    return name


def make_bucket(gcs: dict[str, Any]) -> str:
    name = f"b{uuid.uuid4().hex[:12]}"
    requests.post(f"{gcs['url']}/storage/v1/b?project=p", json={"name": name}, timeout=10).raise_for_status()
    return name


def put(store: Store, path: str, data: bytes = b"", modified: float | None = None) -> None:
    with store.create(path, size=len(data), attributes=Attributes(modified)) as writer:
        if data:
            writer.write(data)
        writer.commit()


def get(store: Store, path: str, **how: Any) -> bytes:
    found = b""
    with store.open(path, **how) as reader:
        while chunk := reader.read(2**16):
            found += chunk
    return found
