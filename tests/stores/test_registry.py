from __future__ import annotations

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError
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
        ("sg://gcp@bucket/a", "Did you mean gs://"),
    ],
)
def test_an_address_that_names_no_store_is_refused_with_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(AddressError, match=remedy):
        check(Address.parse(text))


@pytest.mark.parametrize("text", ["file:///a", "hdfs://onprem@/a", "gs://gcp@bucket/a", "abfs://blob@drop/a"])
def test_an_address_that_names_a_store_is_itself(text: str) -> None:
    assert str(check(Address.parse(text))) == text
