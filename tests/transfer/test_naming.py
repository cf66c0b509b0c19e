"""An error of an end says its whole address, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, PermissionDenied
from airflow_datamove.stores.contract import Entry
from airflow_datamove.stores.local import _LocalStore
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.filters import Filters
from airflow_datamove.transfer.naming import naming
from airflow_datamove.transfer.options import CopyOptions
from tests.transfer.ends import Ends
from tests.transfer.trees import destination_of, make, run, source_of


@pytest.mark.parametrize(
    ("address", "path", "text"),
    [
        ("gs://x@b/y", "/z", "gs://x@b/z: gone"),
        ("gs://x@b/y", "/", "gs://x@b: gone"),
        ("hdfs://x@/y", "/", "hdfs://x@/: gone"),
        ("gs://x@b/y", "s3://other@c/z", "s3://other@c/z: gone"),
    ],
)
def test_a_path_becomes_an_address_once(address: str, path: str, text: str) -> None:
    with pytest.raises(NotFound) as caught, naming(Address.parse(address)), naming(Address.parse(address)):
        raise NotFound("gone", path=path, remedy="Look")
    assert str(caught.value) == f"{text}. Look"
    assert caught.value.args == (text,)


@pytest.mark.parametrize("scheme", ["abfs", "gs"])
def test_a_container_that_is_not_there_is_named_with_the_remedy(tmp_path: Path, ends: Ends, scheme: str) -> None:
    make(tmp_path, {"f": b"1"})
    end = ends(scheme)
    missing = Address(scheme, end.address.connection_id, "missing-container", "/x/")
    where = rf"{scheme}://{missing.connection_id}@missing-container: there is no such \w+\. "
    with pytest.raises(NotFound, match=f"^{where}--create"):
        copy(source_of(tmp_path / "f"), missing, end.connections)
    options = CopyOptions(receipt=missing.with_path("/r"))
    with pytest.raises(NotFound, match=f"^{where}Make it"):
        copy(source_of(tmp_path / "f"), destination_of(tmp_path / "t"), end.connections, options)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_directory_that_cannot_be_read_ends_the_copy_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    make(tmp_path, {"s/a": b"1", "s/d/b": b"1", **({"t/d/c": b"1"} if there else {})})
    whole = _LocalStore.list

    def listed(self: Any, path: str) -> Iterator[Entry]:
        if path == str(tmp_path / "s" / "d"):
            raise PermissionDenied("the system does not allow it", path=path)
        yield from whole(self, path)

    monkeypatch.setattr(_LocalStore, "list", listed)
    with pytest.raises(PermissionDenied, match=rf"^file://{tmp_path}/s/d: .* or --exclude it$"):
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    assert not (tmp_path / "t" / "a").exists()
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), CopyOptions(filters=Filters(exclude=("d",))))
    assert (tmp_path / "t" / "a").exists()
