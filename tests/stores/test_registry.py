from __future__ import annotations

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError, WrongUse
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.registry import check, open_store


@pytest.mark.parametrize("text", ["hdfs://onprem@x/a/", "hdfs://onprem@namenode:8020/a", "hdfs://namenode/a"])
def test_only_its_connection_says_which_hdfs_is_meant(text: str) -> None:
    for use in (check, lambda address: open_store(address, EnvironmentConnections({}))):
        with pytest.raises(AddressError, match=r"besides its connection\. Write hdfs://connection_id@/path"):
            use(Address.parse(text))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("hdfs:///a", "hdfs://connection_id@/"),
        ("gs://bucket/a", "gs://connection_id@bucket/"),
        ("gs://gcp@/a", "gs://connection_id@bucket/"),
        ("abfs://blob@/a", "abfs://connection_id@container/"),
        ("s3://bucket/a", "s3://connection_id@bucket/"),
        ("s3://aws@/a", "s3://connection_id@bucket/"),
        ("sftp:///a", "sftp://connection_id@/"),
        ("https:///a", "https://connection_id@host/"),
        ("sg://gcp@bucket/a", "Did you mean gs://"),
        ("sft://x@/a", "Did you mean sftp://"),
        ("htps://host/a", "Did you mean https://"),
        ("gcs://gcp@bucket/a", "Did you mean gs://"),
        ("local:///etc/passwd", "Did you mean file://"),
        ("ssh://x@/a", "Did you mean sftp://"),
        ("simplecache://x@a/b", "Known: abfs, file, gs"),
        ("reference://x@a/b", "Known: abfs, file, gs"),
        ("oss://bucket/a", "oss://connection_id@bucket/"),
    ],
)
def test_an_address_that_names_no_store_is_refused_with_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(AddressError, match=remedy):
        check(Address.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "file:///a", "hdfs://onprem@/a", "gs://gcp@bucket/a", "abfs://blob@drop/a", "s3://aws@bucket/a", "sftp://box@/a",
        "http://host/a?b", "https://web@host:8443/a", "ftp://host/a", "ftp://x@host/a", "memory:///a",
        "github://org:repo/a", "oss://x@bucket/a",
    ],
)  # fmt: skip
def test_an_address_that_names_a_store_is_itself(text: str) -> None:
    assert str(check(Address.parse(text))) == text


@pytest.mark.parametrize(
    ("scheme", "name"),
    [("abfs", "Bad_Bucket"), ("abfs", "a--b"), ("abfs", "-a"), ("gs", "Upper"), ("gs", "-a"), ("s3", "a b")],
)
def test_a_name_that_no_container_or_bucket_can_have_is_told_as_that(scheme: str, name: str) -> None:
    types = {"abfs": "wasb", "gs": "google_cloud_platform", "s3": "aws"}
    known = EnvironmentConnections(
        {"AIRFLOW_CONN_X": f'{{"conn_type": "{types[scheme]}", "login": "l", "password": "p"}}'}
    )
    with pytest.raises(WrongUse, match=f"'{name}' cannot be the name of a (container|bucket)"):
        open_store(Address(scheme, "x", name, "/x/"), known)


def test_a_connection_for_another_scheme_is_told_by_its_type() -> None:
    known = EnvironmentConnections({"AIRFLOW_CONN_X": '{"conn_type": "aws"}'})
    with pytest.raises(WrongUse, match=r"connection 'x' is of type 'aws', and abfs:// needs 'wasb'"):
        open_store(Address.parse("abfs://x@c/a"), known)
