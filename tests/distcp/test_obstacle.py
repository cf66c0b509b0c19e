import json
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.distcp.obstacle import is_plain, obstacle
from airflow_datamove.errors import WrongUse
from airflow_datamove.stores.connection import Connection, EnvironmentConnections
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.options import CopyOptions, Overwrite, Publish, Verify

CONNECTIONS = EnvironmentConnections({"AIRFLOW_CONN_C": json.dumps({"conn_type": "x", "host": "nn"})})
HDFS, GS = Address.parse("hdfs://c@/x"), Address.parse("gs://c@bucket/x")


def told(source: Address = HDFS, destination: Address = GS, *, plain: bool = False, **options: Any) -> str:
    return obstacle(source, destination, CopyOptions(**options), CONNECTIONS, plain=plain)


def test_what_is_reached() -> None:
    assert told() == told(plain=True) == ""
    assert "DistCp cannot reach file:///x" in told(destination=Address.parse("file:///x"))


@pytest.mark.parametrize(
    "options",
    [
        {"filters": Filters(include=("*.gz",))},
        {"manifest": Address.parse("hdfs://c@/m")},
    ],
)
def test_only_our_list_holds_a_selection(options: dict[str, Any]) -> None:
    assert told(**options) == ""
    assert "without our list" in told(**options, plain=True)


@pytest.mark.parametrize(
    "options",
    [
        {"overwrite": Overwrite.NEVER},
        {"mirror": True},
        {"receipt": Address.parse("hdfs://c@/r")},
        {"error_budget": 3},
    ],
)
def test_words_of_both_forms(options: dict[str, Any]) -> None:
    assert told(**options) == told(**options, plain=True) == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [({"publish": Publish.TOGETHER}, "together"), ({"verify": Verify.READ_BACK}, "read back")],
)
def test_words_of_neither_form(options: dict[str, Any], says: str) -> None:
    assert says in told(**options)
    assert says in told(**options, plain=True)


def test_a_glob_needs_our_list() -> None:
    glob = Address.parse("hdfs://c@/day=*")
    assert told(glob) == ""
    assert "glob" in told(glob, plain=True)
    assert told(Address.parse("hdfs://c@/day=\\*"), plain=True) == ""


def test_what_a_connection_says_of_its_client() -> None:
    assert not is_plain(Connection("h"))
    assert not is_plain(Connection("h", extra={"listing": "planned"}))
    assert is_plain(Connection("h", extra={"listing": "plain"}))
    with pytest.raises(WrongUse, match="listing"):
        is_plain(Connection("h", extra={"listing": "yes"}))
