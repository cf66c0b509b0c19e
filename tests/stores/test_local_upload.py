"""A file in parts on a local disk that is closed while a thread still writes it: a copy was cancelled."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_datamove.address import Address
from airflow_datamove.errors import StoreUnavailable
from airflow_datamove.stores.connection import EnvironmentConnections
from airflow_datamove.stores.contract import Store
from airflow_datamove.stores.registry import open_store
from tests.stores.parts import Parts, whole


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(Address.parse("file:///"), EnvironmentConnections({})) as store:
        yield store


class _Held:
    """A call that is held back just before it is made, until it is let go."""

    def __init__(self, really: Callable[..., int]) -> None:
        self._really = really
        self.reached, self.let_go = threading.Event(), threading.Event()

    def __call__(self, *asked: object) -> int:
        self.reached.set()
        assert self.let_go.wait(20)
        return self._really(*asked)


@pytest.mark.parametrize("call", ["pwrite", "write"])
def test_a_late_write_goes_into_no_file_that_was_opened_since(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The system gives the number of a closed file to the next one."""
    parts = Parts(store, str(tmp_path / "f"))
    upload = parts.begin()
    upload.held()
    held = _Held(getattr(os, call))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, held)
        writing = threading.Thread(target=parts.put, args=(upload, (0,)))
        writing.start()
        assert held.reached.wait(20)
        upload.close()
    others = [os.open(tmp_path / f"other{number}", os.O_RDWR | os.O_CREAT) for number in range(8)]
    held.let_go.set()
    writing.join(20)
    assert not writing.is_alive()
    for other in others:
        assert os.fstat(other).st_size == 0, "it was written into"
        os.close(other)


def test_what_is_closed_takes_no_more_and_gives_its_lock_back(tmp_path: Path, store: Store) -> None:
    before = set(os.listdir("/proc/self/fd"))
    parts = Parts(store, str(tmp_path / "f"))
    upload = parts.begin()
    upload.held()
    parts.put(upload, (0,))
    for _ in range(2):
        upload.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        parts.put(upload, (1,))
    with pytest.raises(StoreUnavailable):
        upload.commit()
    assert set(os.listdir("/proc/self/fd")) == before
    successor = parts.begin()
    assert set(successor.held()) == {0}
    successor.close()
    whole(parts)
    assert (tmp_path / "f").read_bytes() == parts.data
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
