"""A source that changes under the copy."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_datamove.errors import CopyFailed, SourceChanged
from airflow_datamove.stores.contract import Reader
from airflow_datamove.stores.local import _LocalStore
from airflow_datamove.transfer.options import CopyOptions, Publish, Verify
from tests.transfer.trees import destination_of, make, read, run, source_of

SIZE = 300_000
PARTS = CopyOptions(part_size=2**16, threads=2)
WHOLE = CopyOptions(threads=2)


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], list[bytes]]:
    """Lets a file change, to what is returned, just after it was opened, so many times."""

    def arrange(path: Path, times: int, size: int = SIZE) -> list[bytes]:
        contents: list[bytes] = []
        really, one = _LocalStore.open, threading.Lock()

        def opened(self: _LocalStore, asked: str, **how: object) -> Reader:
            reader = really(self, asked, **how)  # type: ignore[arg-type]
            with one:
                if asked == str(path) and len(contents) < times:
                    contents.append(os.urandom(size + len(contents) + 1))
                    path.write_bytes(contents[-1])
            return reader

        monkeypatch.setattr(_LocalStore, "open", opened)
        return contents

    return arrange


@pytest.mark.parametrize("options", [WHOLE, PARTS, CopyOptions(publish=Publish.TOGETHER, marker="")])
@pytest.mark.parametrize("times", [1, 3])
def test_a_source_that_changes_while_it_is_read_is_copied_as_it_is_then(
    tmp_path: Path, changes: Callable[[Path, int], list[bytes]], options: CopyOptions, times: int
) -> None:
    make(tmp_path / "s", {"f": os.urandom(SIZE)})
    contents = changes(tmp_path / "s" / "f", times)
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert len(contents) == times
    assert read(tmp_path / "t") == {"f": contents[-1]}
    assert report.bytes == len(contents[-1])
    assert list((tmp_path / "t").glob(".datamove-*")) == []


@pytest.mark.parametrize("options", [WHOLE, PARTS])
def test_a_source_that_changes_at_each_attempt_fails_as_one_that_changed_and_may_be_tried_again(
    tmp_path: Path, changes: Callable[[Path, int], list[bytes]], options: CopyOptions
) -> None:
    make(tmp_path / "s", {"f": os.urandom(SIZE), "g": b"1"})
    contents = changes(tmp_path / "s" / "f", 1000)
    with pytest.raises(CopyFailed, match="Copy again when nothing writes to the source") as caught:
        run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    ((path, error),) = caught.value.failures
    assert (path, type(error)) == ("f", SourceChanged)
    assert caught.value.retryable
    assert caught.value.report.failures[0]["retryable"] is True
    assert len(contents) >= 4
    assert read(tmp_path / "t") == {"g": b"1"}
    assert list((tmp_path / "t").glob(".datamove-*")) == []


@pytest.mark.parametrize("options", [WHOLE, PARTS])
@pytest.mark.parametrize("size", [0, SIZE // 2, 2 * SIZE])
def test_a_source_that_shrinks_or_grows_under_the_copy_is_copied_as_it_is_then(
    tmp_path: Path, changes: Callable[..., list[bytes]], options: CopyOptions, size: int
) -> None:
    make(tmp_path / "s", {"f": os.urandom(SIZE)})
    contents = changes(tmp_path / "s" / "f", 1, size)
    run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert read(tmp_path / "t") == {"f": contents[0]}


def test_a_file_that_is_known_to_be_wrong_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that writes something else than it is given, time and again."""
    really = _LocalStore.put

    def put(self: _LocalStore, path: str, data: memoryview, *more: object) -> object:
        return really(self, path, memoryview(b"x" + bytes(data)[1:]), *more)  # type: ignore[arg-type]

    monkeypatch.setattr(_LocalStore, "put", put)
    monkeypatch.setattr("airflow_datamove.transfer.passage._FIRST_PAUSE", 0.01)
    make(tmp_path / "s", {"f": b"1234"})
    options = CopyOptions(verify=Verify.READ_BACK)
    for _ in range(2):
        with pytest.raises(CopyFailed, match="what was read back is not what was sent"):
            run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
        assert read(tmp_path / "t") == {}
