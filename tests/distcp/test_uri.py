import json

import pytest

from airflow_datamove.address import Address
from airflow_datamove.distcp.uri import check_name, check_root, hadoop_uri, source_argument, target_argument
from airflow_datamove.errors import Refused, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections


def uri(address: str, path: str = "/p q/x", **connection: object) -> str:
    connections = EnvironmentConnections({"AIRFLOW_CONN_C": json.dumps({"conn_type": "x", **connection})})
    return hadoop_uri(Address.parse(address), path, connections)


def test_hdfs_by_its_name_node_or_by_http() -> None:
    assert uri("hdfs://c@/x", extra={"name_node": "hdfs://nn:8020/"}) == "hdfs://nn:8020/p q/x"
    assert uri("hdfs://c@/x", extra={"name_node": "cluster1"}) == "hdfs://cluster1/p q/x"
    assert uri("hdfs://c@/x", host="nn", port=9870) == "webhdfs://nn:9870/p q/x"
    assert uri("hdfs://c@/x", host="nn1,nn2") == "webhdfs://nn1:9870/p q/x"
    assert uri("hdfs://c@/x", host="nn", extra={"use_ssl": True}) == "swebhdfs://nn:9871/p q/x"
    with pytest.raises(WrongUse, match="names no host"):
        uri("hdfs://c@/x")


def test_cloud_stores() -> None:
    assert uri("gs://c@bucket/x") == "gs://bucket/p q/x"
    there = {"endpoint_url": "http://s3.example:9000"}
    assert uri("s3://c@bucket/x", login="AKIA", password="secret", extra=there) == "s3a://bucket/p q/x"
    end = "abfs://drop@acme.dfs.core.windows.net/p q/x"
    assert uri("abfs://c@drop/x", login="acme") == end
    assert uri("abfs://c@drop/x", host="acme.blob.core.windows.net") == end
    assert uri("abfs://c@drop/x", host="https://acme.blob.core.windows.net/") == end
    secret = "AccountName=acme;AccountKey=c2VjcmV0;EndpointSuffix=core.chinacloudapi.cn"
    made = uri("abfs://c@drop/x", extra={"connection_string": secret})
    assert made == "abfs://drop@acme.dfs.core.chinacloudapi.cn/p q/x"
    with pytest.raises(WrongUse, match="storage account"):
        uri("abfs://c@drop/x")


def test_a_local_disk_only_when_asked() -> None:
    connections = EnvironmentConnections({})
    with pytest.raises(Refused, match="cannot reach"):
        hadoop_uri(Address.parse("file:///srv"), "/srv", connections)
    assert hadoop_uri(Address.parse("file:///srv"), "/srv", connections, allow_local=True) == "file:///srv"


@pytest.mark.parametrize("name", ["a:b", "x/a:b", ".snapshot", "a/.snapshot/b", "a//b", "..", "a/./b", ""])
def test_names_that_hadoop_cannot_hold(name: str) -> None:
    with pytest.raises(Refused):
        check_name(name)


def test_paths_that_cannot_be_arguments() -> None:
    for path in ("/a\x01b", "/a\ud800", "/a:b"):
        with pytest.raises(Refused):
            check_root(path)
    check_root("/")
    check_root("/odd \t\n%20 #?[x]{a,b}*\\,\"'é文 ")


def test_arguments() -> None:
    assert source_argument("hdfs://nn/a*[x]{b}?\\c ") == r"hdfs://nn/a\*\[x\]\{b\}\?\\c /"
    assert target_argument("hdfs://nn/a*[x] ") == "hdfs://nn/a*[x] /"
    assert source_argument("hdfs://nn/") == "hdfs://nn/"
