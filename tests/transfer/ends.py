"""Ends of a copy in each kind of store, straight or through a proxy, for this process and for others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_datamove.address import Address
from airflow_datamove.report import TransferReport
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Entry, Kind, Store
from airflow_datamove.stores.registry import open_store
from tests.conftest import gcs_connection, hdfs_connection, s3_connection
from tests.stores.places import make_bucket, make_container
from tests.transfer.trees import Tree

SERVERS = {"abfs": "azurite", "s3": "seaweedfs", "gs": "gcs", "hdfs": "hadoop"}
CLI = [sys.executable, "-m", "airflow_datamove.cli.main"]


@dataclass(frozen=True)
class End:
    """A directory of a store that is a test's own."""

    address: Address
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def connections(self) -> EnvironmentConnections:
        return EnvironmentConnections(self.environment)

    def at(self, name: str) -> Address:
        """What lies below it, or, with ``""``, itself as a directory."""
        return self.address.with_path(f"{self.address.path.rstrip('/')}/{name}")

    @contextmanager
    def opened(self) -> Iterator[Store]:
        with open_store(self.address, self.connections) as store:
            yield store

    def read(self, name: str = "") -> Tree:
        """Everything below a directory of it, as :func:`tests.transfer.trees.read` gives it."""
        top = self.at(name).path.rstrip("/")
        tree: Tree = {}
        with self.opened() as store:
            if not store.exists(top):
                return {}
            entries = list(store.walk(top))
            for entry in entries:
                if entry.kind is Kind.FILE:
                    tree[entry.path[len(top) + 1 :]] = _content(store, entry)
                elif not any(other.path.startswith(f"{entry.path}/") for other in entries):
                    tree[entry.path[len(top) + 1 :]] = None
        return tree

    def debris(self) -> list[Entry]:
        """What unfinished tries have left."""
        with self.opened() as store:
            if not store.exists(self.address.path) and not store.capabilities.flat:
                return []
            return list(store.leftovers(self.address.path))


class Ends:
    """Gives them; starts servers when they are asked for."""

    def __init__(self, fixture: Callable[[str], Any], top: Path) -> None:
        self._fixture, self._top = fixture, top

    def port(self, scheme: str) -> int:
        """Of the server."""
        return urlsplit(self._url(scheme)).port or 0

    def __call__(self, scheme: str, port: int = 0) -> End:
        """A fresh end.

        :param port: of a proxy to the server.
        """
        name = uuid.uuid4().hex[:12]
        if scheme == "file":
            (self._top / name).mkdir()
            return End(Address.parse(f"file://{self._top / name}"))
        if scheme == "hdfs":
            value = hdfs_connection(self._fixture("hadoop"))
            value |= {"port": port} if port else {}
            return End(Address.parse(f"hdfs://onprem@/tests/{name}"), {"AIRFLOW_CONN_ONPREM": json.dumps(value)})
        facts = self._fixture(SERVERS[scheme])
        place = urlsplit(self._url(scheme))
        url = f"http://127.0.0.1:{port or place.port}{place.path}"
        if scheme == "abfs":
            value = {"conn_type": "wasb", "host": url, "login": facts["account"], "password": facts["key"]}
            where = f"abfs://blob@{make_container(facts)}/{name}"
            return End(Address.parse(where), {"AIRFLOW_CONN_BLOB": json.dumps(value)})
        if scheme == "gs":
            environment = {"AIRFLOW_CONN_GCP": json.dumps(gcs_connection({**facts, "url": url}))}
            return End(Address.parse(f"gs://gcp@{make_bucket(facts)}/{name}"), environment)
        environment = {"AIRFLOW_CONN_S3": json.dumps(s3_connection({**facts, "url": url}))}
        # One bucket for all: to SeaweedFS each is a collection, which takes seven of its volumes.
        end = End(Address.parse(f"s3://s3@datamove-tests/{name}"), environment)
        with open_store(end.address, EnvironmentConnections(self(scheme).environment if port else environment)) as s3:
            s3.create_root()
        return end

    def through(self, end: End, scheme: str, port: int) -> End:
        """The same end by way of a proxy."""
        return End(end.address, self(scheme, port).environment)

    def _url(self, scheme: str) -> str:
        facts = self._fixture(SERVERS[scheme])
        return str(facts[{"abfs": "blob", "hdfs": "webhdfs"}.get(scheme, "url")])


def _content(store: Store, entry: Entry) -> bytes:
    found = bytearray()
    with store.open(entry.path) as reader:
        while piece := reader.read(2**20):
            found += piece
    return bytes(found)


def start_copy(source: Address, destination: Address, environment: dict[str, str], *options: str) -> Copying:
    """``datamove copy`` as a process of its own."""
    process = subprocess.Popen(
        [*CLI, "copy", str(source), str(destination), "--json", *options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Copying(process)


@dataclass(frozen=True)
class Copying:
    """A copy by another process."""

    process: subprocess.Popen[str]

    def kill(self) -> None:
        """``kill -9``, if it has not ended."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def report(self, seconds: float = 60) -> TransferReport:
        """What it says once it has ended well."""
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, err
        return TransferReport.from_dict(json.loads(out))


def until(true: Callable[[], bool], seconds: float = 20, copying: Copying | None = None) -> None:
    """Waits until something is true."""
    end = time.monotonic() + seconds
    while not true():
        if copying is not None and copying.process.poll() is not None:
            pytest.fail(f"it ended too soon: {copying.process.communicate()}")
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.005)
