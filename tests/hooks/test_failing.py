"""Final errors fail a task at once; the others are tried again."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_datamove.errors import (
    ClusterUnavailable,
    DatamoveError,
    NotFound,
    PathConflict,
    StoreUnavailable,
    WrongUse,
)
from airflow_datamove.hooks.failing import failing_as_airflow


@pytest.mark.parametrize(
    "error", [NotFound("gone", path="/x"), PathConflict("x"), WrongUse("x"), ClusterUnavailable("x")]
)
def test_a_final_error_is_not_tried_again(error: DatamoveError) -> None:
    with pytest.raises(AirflowFailException) as caught, failing_as_airflow():
        raise error
    assert str(caught.value) == str(error)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [StoreUnavailable("away", path="/x"), KeyError("a bug")])
def test_every_other_error_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, failing_as_airflow():
        raise error
    assert caught.value is error
