"""A large file, part by part: how it is gone through, and what is left of it when it is given up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from airflow_datamove.errors import Cancelled, DatamoveError, SourceChanged, StoreUnavailable, VerificationFailed
from airflow_datamove.stores.contract import Entry, Store
from airflow_datamove.stores.registry import open_store
from airflow_datamove.transfer.copy import copy
from airflow_datamove.transfer.crew import Gate
from airflow_datamove.transfer.options import CopyOptions
from airflow_datamove.transfer.parted_file import PartedFile
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.progress import Meter
from airflow_datamove.transfer.throttle import Throttle
from tests.transfer.ends import End, Ends
from tests.transfer.trees import NOTHING, destination_of, make, source_of

KIB, MIB = 2**10, 2**20
COUNT, PART = 9, 5 * MIB


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _passage(source: Store, destination: Store) -> Passage:
    options = CopyOptions(threads=4)
    return Passage(
        source_name="here",
        source=source,
        destination_name="there",
        destination=destination,
        options=options,
        throttle=Throttle(None),
        meter=Meter(1, 0),
        gate=Gate(options.threads),
        cancelled=threading.Event(),
    )


def _begun(top: Path, stack: ExitStack, end: End) -> PartedFile:
    """A local file of three parts on its way to an end."""
    if not (top / "s").exists():
        make(top / "s", {"large": os.urandom(2 * PART + 17)})
    source = stack.enter_context(open_store(source_of("/"), NOTHING))
    passage = _passage(source, stack.enter_context(end.opened()))
    return PartedFile(passage, source.stat(str(top / "s" / "large")), end.at("large").path, PART)


def _blob(end: End, data: bytes) -> Entry:
    """A file of which its store knows the MD5 alone."""
    with end.opened() as store:
        store.put(end.at("large").path, memoryview(data))
        entry = store.stat(end.at("large").path)
    assert set(entry.checksums) == {"md5"}
    return entry


def test_a_file_of_which_only_an_md5_is_known_is_taken_part_by_part(
    tmp_path: Path, ends: Ends, stack: ExitStack
) -> None:
    """A digest takes its parts in order: of longer runs one thread would wait for the whole run of another."""
    end = ends("abfs")
    entry = _blob(end, os.urandom(COUNT * 64 * KIB))
    passage = _passage(stack.enter_context(end.opened()), stack.enter_context(open_store(source_of("/"), NOTHING)))

    def spans(entry: Entry) -> list[list[int]]:
        parted = PartedFile(passage, entry, str(tmp_path / "t"), 64 * KIB)
        try:
            return parted.spans()
        finally:
            parted.give_up(Cancelled("enough was seen"))
            parted.close()

    assert spans(entry) == [[index] for index in range(COUNT)]
    assert spans(entry._replace(checksums={})) == [list(range(COUNT))]
    assert spans(entry._replace(checksums={**entry.checksums, "crc32c": "00000000"})) == [list(range(COUNT))]


@pytest.mark.parametrize("threads", [1, 4])
def test_an_md5_of_the_source_is_compared_however_many_threads_copy(tmp_path: Path, ends: Ends, threads: int) -> None:
    end, data = ends("abfs"), os.urandom(3 * MIB + 17)
    _blob(end, data)
    options = CopyOptions(part_size=64 * KIB, threads=threads)
    report = copy(end.at("large"), destination_of(tmp_path / "t"), end.connections, options)
    assert report.verified_by == "md5"
    assert (tmp_path / "t").read_bytes() == data


WRONG_OR_NO_MORE = [SourceChanged("it changed"), VerificationFailed("it is another")]
WORTH_ANOTHER_TRY = [StoreUnavailable("it is away"), Cancelled("enough")]


@pytest.mark.parametrize("scheme", ["file", "s3"])
@pytest.mark.parametrize("error", [*WRONG_OR_NO_MORE, *WORTH_ANOTHER_TRY], ids=lambda error: type(error).__name__)
def test_parts_of_a_content_that_is_wrong_or_no_more_go_and_others_stay_for_the_next_try(
    tmp_path: Path, ends: Ends, stack: ExitStack, scheme: str, error: DatamoveError
) -> None:
    end = ends(scheme)
    parted = _begun(tmp_path, stack, end)
    parted.move([0, 1], lambda: True)
    parted.give_up(error)
    parted.close()
    goes = error in WRONG_OR_NO_MORE
    assert (end.debris() == []) is goes
    successor = _begun(tmp_path, stack, end)
    assert successor.resumed == (0 if goes else 2 * PART)
    successor.give_up(VerificationFailed("it is not wanted"))
    successor.close()
    assert end.debris() == []


def test_a_try_that_has_moved_nothing_leaves_nothing_on_a_disk(tmp_path: Path, ends: Ends, stack: ExitStack) -> None:
    end = ends("file")
    parted = _begun(tmp_path, stack, end)
    assert end.debris() != []
    parted.give_up(Cancelled("enough"))
    parted.close()
    assert end.debris() == []


def test_a_try_that_has_moved_nothing_takes_nothing_from_another_one_that_has(
    tmp_path: Path, ends: Ends, stack: ExitStack
) -> None:
    end = ends("s3")
    late, other = _begun(tmp_path, stack, end), _begun(tmp_path, stack, end)
    other.move([0, 1], lambda: True)
    late.give_up(StoreUnavailable("it is away"))
    late.close()
    other.move([2], lambda: True)
    other.publish()
    other.close()
    assert end.read() == {"large": (tmp_path / "s" / "large").read_bytes()}
    assert end.debris() == []
