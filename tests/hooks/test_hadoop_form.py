"""The form of a ``hadoop`` connection: whatever the code reads, a person can enter, and is told what it is for."""

from __future__ import annotations

import ast
import inspect
import json
from importlib.resources import files
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from airflow_datamove.distcp import cluster, obstacle
from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.obstacle import is_plain
from airflow_datamove.provider_info import get_provider_info
from airflow_datamove.stores.connection import Connection

FIELDS: dict[str, Any] = get_provider_info()["connection-types"][0]["conn-fields"]


def _read_from(module: ModuleType, names: set[str]) -> set[str]:
    """The keys that a module takes out of mappings of these names, by ``get`` or by ``[]``."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        where, key = None, None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            where, key = node.func.value, node.args[0]
        elif isinstance(node, ast.Subscript):
            where, key = node.value, node.slice
        name = getattr(where, "id", getattr(where, "attr", ""))
        if name in names and isinstance(key, ast.Constant):
            found.add(str(key.value))
    return found


def test_every_field_that_is_read_is_offered_and_no_other() -> None:
    read = _read_from(cluster, {"values"}) | _read_from(obstacle, {"extra"})
    assert {"resource_manager", "listing", "ssh_conn_id", "principal", "keytab", "kerberos", "verify"} <= read
    assert read == set(FIELDS)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_each_says_what_it_is_for(name: str) -> None:
    assert FIELDS[name]["label"]
    assert "For example " in FIELDS[name]["description"]


def test_what_the_form_offers_is_understood() -> None:
    offered: dict[str, list[Any]] = {
        name: field["schema"]["enum"] for name, field in FIELDS.items() if "enum" in field["schema"]
    }
    assert set(offered) == {"listing", "kerberos"}
    base = {"resource_manager": "rm", "command": "hadoop"}
    for name, values in offered.items():
        for value in values:
            connection = Connection(id="c", type="hadoop", extra={**base, name: value})
            assert is_plain(connection) is (value == "plain")
            assert Cluster.of(connection).kerberos is (value == "true")


def test_airflow_takes_it() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(get_provider_info(), schema)
