from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.errors import StoreError
from airflow_datamove.stores.azure_answers import when
from airflow_datamove.stores.azure_listing import read_page
from airflow_datamove.stores.azure_metadata import OCTETS, content_type, kept, metadata_headers
from airflow_datamove.stores.contract import Attributes, Kind


def test_what_azure_cannot_hold_is_dropped() -> None:
    given_ = {
        "Owner": "acme",
        "owner": "second in code point order",
        "with-hyphen": "x",
        "1st": "x",
        "": "x",
        "ünï": "x",
        "empty": "",
        "umlaut": "ü",
        "spaces": " x ",
        "line": "a\r\nx-ms-injected: b",
        "mtime": "ours",
        "datamove_crc32c": "00000000-5",
        "hdi_isfolder": "true",
        "_ok1": "a b, c=d; ~",
    }
    assert kept(given_) == {"owner": "acme", "_ok1": "a b, c=d; ~"}


def test_too_much_metadata_is_cut_at_the_same_place_each_time() -> None:
    much = {f"k{number:03}": "v" * 100 for number in range(200)}
    found = kept(much)
    assert list(found) == sorted(much)[: len(found)]
    assert 6000 < sum(len(name) + len(value) for name, value in found.items()) <= 7 * 2**10
    assert kept(dict(reversed(much.items()))) == found


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5), st.text(max_size=10))
def test_no_metadata_breaks_a_header(metadata: dict[str, str], kind: str) -> None:
    headers = metadata_headers(Attributes(1.0, kind, metadata), {})
    for text in (*headers, *headers.values(), content_type(Attributes(None, kind))):
        assert text.isascii()
        assert text.isprintable()


def test_a_type_that_is_no_header_is_the_default() -> None:
    assert content_type(Attributes()) == content_type(Attributes(None, "a\nb")) == OCTETS


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_dates_are_read_as_the_standard_library_reads_them(moment: datetime) -> None:
    from email.utils import format_datetime

    exact = moment.replace(microsecond=0, tzinfo=UTC)
    assert when(format_datetime(exact, usegmt=True)) == exact
    assert when("yesterday") is when("") is when("Sun, 06 Foo 1994 08:49:37 GMT") is None


def test_a_name_that_xml_cannot_hold_comes_encoded() -> None:
    size = "<Properties><Content-Length>5</Content-Length></Properties>"
    blob = f'<Blob><Name Encoded="true">a%01%2Fb</Name>{size}</Blob>'
    plain = "<Blob><Name>a%01&amp;&#10;</Name><Properties /></Blob>"
    inner = f"<Blobs>{blob}{plain}</Blobs><NextMarker>m</NextMarker>"
    page = read_page(f"<EnumerationResults>{inner}</EnumerationResults>".encode())
    assert [(each.path, each.size) for each in page.entries] == [("/a\x01/b", 5), ("/a%01&\n", 0)]
    assert page.entries[0].kind is Kind.FILE
    assert page.marker == "m"


def test_what_is_no_listing_is_told() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        read_page(b"<html>")
