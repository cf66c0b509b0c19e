"""May it? Paths, lanes, slots: nobody reaches into another tenant's folder, however the address is written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError, Refused
from airflow_datamove.scheduling.admission import admit, within
from airflow_datamove.spec.request import read_request
from tests.scheduling.test_limits import LIMITS

READ = LIMITS.read


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("hdfs://onprem@/data/acme/", True),
        ("hdfs://onprem@/data/acme", True),
        ("hdfs://onprem@/data/acme/a/b c/*.csv", True),
        ("HDFS://onprem@/data/acme/x", True),
        ("hdfs://onprem@/data//acme/x", True),
        ("hdfs://onprem@/data/acmeX/", False),
        ("hdfs://onprem@/data/", False),
        ("hdfs://onprem@/data/*/x", False),
        ("hdfs://onprem@/data/{acme,globex}/", False),
        ("hdfs://onprem@/data/{{globex}}/", False),
        ("hdfs://onprem@/data/acm[e]/", False),
        ("hdfs://onprem@/data/\\acme/", False),
        ("hdfs://other@/data/acme/", False),
        ("gs://onprem@b/data/acme/", False),
    ],
)
def test_an_address_lies_in_a_folder_or_not(address: str, inside: bool) -> None:
    assert within(address, READ) is inside


@pytest.mark.parametrize("address", ["hdfs://onprem@/data/acme/../globex/", "hdfs://onprem@/data/acme/./x"])
def test_dots_are_refused_outright(address: str) -> None:
    with pytest.raises(AddressError, match=r"holds '\.'"):
        within(address, READ)


def test_a_template_may_still_come_to_lie_inside_until_it_is_rendered() -> None:
    assert within("hdfs://onprem@/data/{{ params.tenant }}/", READ, templates=True)
    assert not within("hdfs://onprem@/other/{{ ds }}/", READ, templates=True)
    assert not within("hdfs://onprem@/data/{{ params.tenant }}/", READ)


@given(st.text(alphabet="/ace.*{}[]\\d ", max_size=30))
def test_what_is_let_in_never_leaves_the_folder(tail: str) -> None:
    text = f"hdfs://onprem@/data/{tail}"
    try:
        let_in = within(text, READ)
    except AddressError:
        return
    path = Address.parse(text).path
    assert let_in == (path == "/data/acme" or path.startswith("/data/acme/"))


@pytest.mark.parametrize(
    ("fields", "lane", "words"),
    [
        ({"source": "hdfs://onprem@/data/globex/"}, "normal", "outside what tenant 'acme' may read. Allowed: hdfs"),
        ({"destination": "gs://gcp@other/"}, "normal", "outside what tenant 'acme' may write"),
        ({"lane": "urgent"}, "normal", "above max_lane"),
        ({"lane": "bulk"}, "normal", "this is the lane 'normal', not 'bulk'. Post it to acme.copy.bulk"),
        ({"slots": 9}, "normal", "9 slots are more than max_slots"),
        ({"route": "distcp"}, "normal", "there is no Hadoop cluster"),
        ({"route": "worker", "slots": 4}, "normal", "more than its pool has. Ask for at most 3"),
        ({"destination": "hdfs://onprem@/data/acme/in/"}, "normal", "would be copied into itself"),
        ({"manifest": "hdfs://onprem@/data/globex/list"}, "normal", "manifest 'hdfs://onprem@/data/globex/list' lies"),
        ({"receipt": "hdfs://onprem@/data/acme/r.parquet"}, "normal", "outside what tenant 'acme' may write"),
        ({"include": ["a**b"]}, "normal", "Write ** as a segment of its own"),
        ({"exclude": ["[a"]}, "normal", "has no partner"),
        ({"min_size": "2 GiB", "max_size": "1 GiB"}, "normal", "min_size is above max_size"),
        ({"mirror": True, "publish": "together"}, "normal", "do not go together"),
        ({"marker": "a/b"}, "normal", "a file's name without a slash"),
        ({"part_size": 1}, "normal", "at least 64 KiB"),
    ],
)
def test_what_a_tenant_may_not_is_refused_with_the_remedy(fields: dict[str, object], lane: str, words: str) -> None:
    request = read_request({"source": "hdfs://onprem@/data/acme/", "destination": "gs://gcp@lake/", **fields})
    with pytest.raises(Refused) as caught:
        admit(request, LIMITS, lane=lane)
    assert words in str(caught.value)


def test_what_a_tenant_may_is_let_in() -> None:
    request = read_request(
        {"source": "hdfs://onprem@/data/acme/x", "destination": "gs://gcp@lake/", "route": "distcp", "slots": 8}
    )
    admit(request, replace(LIMITS, hadoop="cluster"), lane="bulk")
