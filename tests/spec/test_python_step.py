"""Which functions a step may call."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from airflow_datamove.spec.python_step import PythonCall, is_allowed


@pytest.mark.parametrize(
    ("function", "patterns", "allowed"),
    [
        ("acme_etl.clean:run", ["acme_etl.*"], True),
        ("acme_etl:run", ["acme_etl.*"], True),
        ("acme_etl_evil.clean:run", ["acme_etl.*"], False),
        ("acme_etl.clean:run", ["acme_etl"], False),
        ("acme_etl:run", ["acme_etl"], True),
        ("acme_etl.clean:run", ["acme_etl.clean:*"], True),
        ("acme_etl.clean:run", ["acme_etl.clean:run"], True),
        ("acme_etl.clean:other", ["acme_etl.clean:run"], False),
        ("os:system", ["acme_etl.*", "shared.checks"], False),
        ("os:system", [], False),
    ],
)
def test_only_what_the_platform_lists(function: str, patterns: list[str], allowed: bool) -> None:
    assert is_allowed(function, patterns) is allowed


@pytest.mark.parametrize(
    "function", ["run", "a:b:c", "a.b", "a/b:c", "a..b:c", ":c", "a:", "a.__init__:x", "a:_private", "a b:c", "1:2"]
)
def test_what_is_no_function(function: str) -> None:
    with pytest.raises(ValidationError):
        PythonCall.model_validate(function)
