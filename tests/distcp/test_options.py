from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.distcp.options import DistCpRequest
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.transfer.options import CopyOptions


def request(**values: Any) -> DistCpRequest:
    given: dict[str, Any] = {"tag": "acme:run-1", "name": "n", "maps": 1, "bandwidth": 1, **values}
    return DistCpRequest(Address.parse("hdfs://a@/s"), Address.parse("hdfs://a@/t"), CopyOptions(), **given)


def test_a_sound_request() -> None:
    request(queue="root.tenants", properties={"mapreduce.map.memory.mb": "2048"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dfs.replication", "2"),
        ("fs.s3a.multipart.size", "128M"),
        ("fs.s3a.create.storage.class", "standard_ia"),
        ("fs.gs.outputstream.upload.chunk.size", "8388608"),
        ("fs.azure.write.max.concurrent.requests", "8"),
    ],
)
def test_each_store_has_properties_of_its_own(name: str, value: str) -> None:
    request(properties={name: value})


@pytest.mark.parametrize("tag", ["", "a,b", "a b", "é", "x" * 101, "a\n"])
def test_tags_that_yarn_would_not_keep(tag: str) -> None:
    with pytest.raises(WrongUse, match="YARN tag"):
        request(tag=tag)


@pytest.mark.parametrize(("field", "value"), [("maps", 0), ("bandwidth", 0), ("queue", "a b"), ("queue", "-Dx=y")])
def test_values_that_cannot_be(field: str, value: object) -> None:
    with pytest.raises(WrongUse):
        request(**{field: value})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mapreduce.map.memory.m", "Did you mean mapreduce.map.memory.mb?"),
        ("fs.azure.account.key.x", "cluster's own configuration"),
        ("mapreduce.job.tags", "'tag'"),
        ("mapreduce.job.running.map.limit", "'maps'"),
        ("mapreduce.map.java.opts", "not allowed"),
        ("fs.s3a.endpoint", "not allowed"),
        ("fs.gs.storage.root.url", "not allowed"),
        ("fs.s3a.secret.key", "cluster's own configuration"),
    ],
)
def test_properties_that_may_not_be_set(name: str, says: str) -> None:
    with pytest.raises(Refused) as caught:
        request(properties={name: "1"})
    assert says in str(caught.value)


@pytest.mark.parametrize("value", ["", "1k", "1 -Dx=y", "-1"])
def test_values_of_properties(value: str) -> None:
    with pytest.raises(WrongUse):
        request(properties={"mapreduce.map.memory.mb": value})
