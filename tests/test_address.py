from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.address import Address
from airflow_datamove.errors import AddressError
from airflow_datamove.stores.registry import check

SEGMENT = st.text(st.characters(exclude_characters="/\0@", codec="utf-8"), min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..") and not set("?&;=") & set(text)
)
PATHS = st.lists(SEGMENT, max_size=4).map(lambda segments: "/" + "/".join(segments))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["hdfs", "abfs", "gs", "s3"]),
    st.from_regex(r"[A-Za-z0-9_.-]{1,10}", fullmatch=True),
    st.from_regex(r"[a-z0-9-]{0,10}", fullmatch=True),
    PATHS,
    st.booleans(),
)
def test_an_address_reads_back_as_it_is_written(
    scheme: str, connection: str, authority: str, path: str, slash: bool
) -> None:
    address = Address(scheme, connection, authority, path + "/" * (slash and path != "/"))
    assert Address.parse(str(address)) == address


@settings(deadline=None, max_examples=100)
@given(PATHS)
def test_a_local_path_reads_back_as_it_is_written(path: str) -> None:
    assert Address.parse(f"file://{path}") == Address("file", "", "", path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gs://acme_gcp@bucket/key", Address("gs", "acme_gcp", "bucket", "/key")),
        ("hdfs://onprem@/data/day=1/", Address("hdfs", "onprem", "", "/data/day=1/")),
        ("gs://c@bucket", Address("gs", "c", "bucket", "/")),
        ("file:///a%20b/c d#?x", Address("file", "", "", "/a%20b/c d#?x")),
        ("file:///a//b", Address("file", "", "", "/a/b")),
        ("gs://c@b/a//b", Address("gs", "c", "b", "/a//b")),
        ("gs://c@b/mail@example.org", Address("gs", "c", "b", "/mail@example.org")),
        ("GS://c@b/K", Address("gs", "c", "b", "/K")),
    ],
)
def test_what_an_address_means(text: str, expected: Address) -> None:
    assert Address.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "abfs://u:hunter2@c/x", "abfs://c@b/x?sig=hunter2", "abfs://c@b/x?sv=1&sig=hunter2", "hunter2?sig=hunter2",
        "s3://c@b/x?X-Amz-Signature=hunter2", "mongo://u:hun/ter2@host/x", "gs://c@b/x?access_token=hunter2",
    ],
)  # fmt: skip
def test_a_credential_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AddressError, match="credential") as caught:
        Address.parse(text)
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", None, 7, "/just/a/path", "gs:/b/x", "file://host/x", "gs://a b@c/x", "file:///a/../b", "file:///./a",
        "file:///a\0",
    ],
)  # fmt: skip
def test_what_is_no_address(text: object) -> None:
    with pytest.raises(AddressError):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hfds://x@/a", "Did you mean hdfs://"), ("nope://x@/a", "Known: abfs"), ("gs://b/x", "names no connection"),
        ("gs://c@/x", "names no bucket"), ("abfs://c@/x", "names no container"),
    ],
)  # fmt: skip
def test_an_address_that_lies_in_no_store_is_told(text: str, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        check(Address.parse(text))


def test_name_and_directory() -> None:
    address = Address.parse("gs://c@b/a/f/")
    assert (address.name, address.is_directory) == ("f", True)
    assert str(address.with_path("/x")) == "gs://c@b/x"
