"""A posted request: what is sound is read, what is not names its field and the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.request import CopyRequest, read_request

SOUND = {"source": "hdfs://onprem@/data/a/", "destination": "gs://gcp@bucket/a/"}


def test_a_request_needs_only_its_two_ends() -> None:
    request = read_request(SOUND)
    assert (request.overwrite, request.mirror, request.priority, request.route) == ("if_changed", False, 50, "auto")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": None}, "source: an address is missing"),
        ({"sorce": "hdfs://a@/x"}, "unknown field 'sorce'. Did you mean 'source'?"),
        ({"source": "hdsf://onprem@/a"}, "unknown scheme hdsf://. Did you mean hdfs://?"),
        ({"source": "/just/a/path"}, "has no scheme"),
        ({"source": "hdfs:///a"}, "names no connection"),
        ({"destination": "gs://gcp@/a"}, "names no bucket"),
        ({"source": "hdfs://onprem@/a/../b"}, "holds '.' or '..'"),
        ({"overwrite": "perhaps"}, "overwrite: input should be 'never', 'if_changed' or 'always'"),
        ({"mirror": "yes"}, "mirror: input should be a valid boolean"),
        ({"priority": "high"}, "priority: input should be a valid integer"),
        ({"priority": 50.0}, "priority: input should be a valid integer"),
        ({"priority": True}, "priority: input should be a valid integer"),
        ({"priority": [1]}, "priority: input should be a valid integer, not a list"),
        ({"priority": None}, "priority: input should be a valid integer, not null"),
        ({"priority": 1000}, "priority: input should be less than or equal to 99"),
        ({"priority": -1}, "priority: input should be greater than or equal to 0"),
        ({"priority": int("9" * 400)}, "priority: input should be less than or equal to 99"),
        ({"slots": 0}, "slots: input should be greater than or equal to 1"),
        ({"lane": "fast"}, "lane: input should be 'urgent', 'normal' or 'bulk'"),
        ({"include": "*.csv"}, "include: must be a list, not '*.csv'"),
        ({"exclude": [""]}, "this is no pattern"),
        ({"min_size": "large"}, "'large' is not a size"),
        ({"max_age": "a week"}, "'a week' is not a span of time. Write a number of s, m, h, d or w"),
        ({"max_delete": "150%"}, "must be between 0% and 100%"),
        ({"manifest": "list.txt"}, "has no scheme"),
        ({"publish": "all"}, "publish: input should be 'each' or 'together'"),
        ({"error_budget": -1}, "error_budget: input should be greater than or equal to 0"),
        ({"client": "c" * 200}, "client: string should have at most 120 characters"),
    ],
)
def test_a_bad_field_is_named_with_its_remedy(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_request({**SOUND, **fields})
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("field", ["source", "destination"])
@pytest.mark.parametrize(
    "address",
    [
        "hdfs://user:hunter2@host/a",
        "hdfs://user:hun/ter2@host/a",
        "abfs://blob@c/a?sv=2021&sig=hunter2",
        "abfs://blob@c/a?hello&sig=hunter2",
        "gs://gcp@b/a?X-Goog-Signature=hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2",
        " hdfs://user:hunter2@host/a",
        "see hdfs://user:hunter2@host/a",
        "hdfs://user:pa/b/hunter2@host/x",
        "hdfs://user:hunter2@host/{{ ds | }}/x",
    ],
)
def test_a_credential_is_refused_and_never_repeated(field: str, address: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_request({**SOUND, field: address})
    assert "credential" in str(caught.value)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("values", [None, [], "x", 3])
def test_what_is_no_object_is_refused(values: Any) -> None:
    with pytest.raises(SpecError, match="not an object"):
        read_request(values)


def test_every_mistake_of_a_request_is_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        read_request({"priority": 100, "x": 1})
    for words in ("'source' is missing", "'destination' is missing", "priority", "unknown field 'x'"):
        assert words in str(caught.value)


@given(
    st.fixed_dictionaries(
        {
            "overwrite": st.sampled_from(["never", "if_changed", "always"]),
            "mirror": st.booleans(),
            "priority": st.integers(0, 99),
            "client": st.text(max_size=20),
            "slots": st.none() | st.integers(1, 100),
            "include": st.lists(st.sampled_from(["*.csv", "a/**", "{{x}}"]), max_size=2),
            "min_size": st.none() | st.integers(0, 2**40) | st.just("64 KiB"),
            "max_age": st.none() | st.integers(0, 10**6) | st.just("7d"),
            "max_delete": st.floats(0, 1) | st.just("50%"),
            "create": st.booleans(),
            "publish": st.sampled_from(["each", "together"]),
            "error_budget": st.integers(0, 100),
            "receipt": st.none() | st.just("gs://gcp@b/r.parquet"),
        }
    )
)
def test_a_request_survives_being_written_and_read(fields: dict[str, Any]) -> None:
    request = read_request({**SOUND, **fields})
    assert CopyRequest.model_validate(request.model_dump()) == request


@given(
    st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text() | st.lists(st.integers()), max_size=4)
)
def test_anything_else_is_a_spec_error_and_nothing_worse(values: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        read_request(values)


@pytest.mark.parametrize("path", ["/data/a:b@c", "/data/{{ ds }}", "/data/{%raw", "/d/x y"])
def test_a_posted_address_is_taken_as_it_stands(path: str) -> None:
    assert read_request({**SOUND, "source": f"hdfs://onprem@{path}"}).source == f"hdfs://onprem@{path}"
    assert read_request({**SOUND, "source": f"file://{path}"}).source == f"file://{path}"
