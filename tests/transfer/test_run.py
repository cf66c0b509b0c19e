from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from airflow_datamove.errors import Cancelled, CopyFailed
from airflow_datamove.transfer.copy import copy, prepare_copy
from airflow_datamove.transfer.options import CopyOptions, OnError, Publish, Verify
from airflow_datamove.transfer.progress import Progress
from tests.faults.proxy import Proxy, Way, proxying
from tests.transfer.ends import Ends
from tests.transfer.trees import NOTHING, destination_of, make, read, run, source_of

MIB = 2**20


def _copy_without(top: Path, gone: list[str], options: CopyOptions) -> None:
    """A copy whose source loses files after it was listed."""
    with prepare_copy(source_of(top / "s"), destination_of(top / "t"), NOTHING, options) as prepared:
        for name in gone:
            os.unlink(top / "s" / name)
        prepared.carry_out()


def _many(top: Path) -> list[str]:
    names = [f"f{number:02}" for number in range(40)]
    make(top / "s", {name: name.encode() for name in names})
    return names


def test_after_a_failure_the_others_are_copied_and_the_next_copy_moves_only_what_failed(tmp_path: Path) -> None:
    names = _many(tmp_path)
    with pytest.raises(CopyFailed, match="2 of 40 files failed") as caught:
        _copy_without(tmp_path, names[:2], CopyOptions(on_error=OnError.CONTINUE))
    assert caught.value.report.files == 38
    make(tmp_path / "s", {name: name.encode() for name in names[:2]})
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"))
    assert (report.files, report.skipped) == (2, 38)
    assert read(tmp_path / "t") == read(tmp_path / "s")


def test_on_error_stop_begins_no_further_file(tmp_path: Path) -> None:
    names = _many(tmp_path)
    with pytest.raises(CopyFailed, match="1 of 40 files failed") as caught:
        _copy_without(tmp_path, names[:1], CopyOptions(on_error=OnError.STOP, threads=2))
    assert caught.value.report.files <= 2
    assert caught.value.report.failures[0]["path"] == "f00"


@pytest.mark.parametrize("on_error", list(OnError))
def test_so_many_files_may_fail_and_all_others_are_copied_nevertheless(tmp_path: Path, on_error: OnError) -> None:
    names = _many(tmp_path)
    _copy_without(tmp_path, names[:2], CopyOptions(on_error=on_error, error_budget=2, threads=2))
    assert set(read(tmp_path / "t")) == set(names[2:])
    make(tmp_path / "s", {"g0": b"1", "g1": b"1", "g2": b"1"})
    with pytest.raises(CopyFailed, match="3 of"):
        _copy_without(tmp_path, ["g0", "g1", "g2"], CopyOptions(on_error=on_error, error_budget=2))


def test_a_failure_within_the_budget_still_keeps_a_mirror_from_deleting(tmp_path: Path) -> None:
    make(tmp_path / "s", {"a": b"1", "gone": b"2"})
    make(tmp_path / "t", {"old": b"1"})
    _copy_without(tmp_path, ["gone"], CopyOptions(mirror=True, max_delete=1.0, error_budget=5))
    assert set(read(tmp_path / "t")) == {"a", "old"}


def test_a_sparing_budget_does_not_hide_that_files_failed(tmp_path: Path) -> None:
    names = _many(tmp_path)
    options = CopyOptions(error_budget=1)
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, options) as prepared:
        os.unlink(tmp_path / "s" / names[0])
        report = prepared.carry_out()
    assert (report.failed, report.files) == (1, 39)
    assert report.failures == [{"path": "f00", "error": report.failures[0]["error"], "retryable": False}]


@pytest.mark.parametrize("way", list(Way))
def test_a_cancel_stops_the_bytes_within_two_seconds_and_a_second_copy_goes_on(
    tmp_path: Path, ends: Ends, way: Way
) -> None:
    make(tmp_path / "s", {"large": os.urandom(8 * MIB), **{f"f{number}": os.urandom(MIB) for number in range(4)}})
    end = ends("abfs")
    options = CopyOptions(part_size=2**18, threads=6, rate=5 * MIB)
    if way is Way.DOWN:
        copy(source_of(tmp_path / "s"), end.at("s"), end.connections)
    source, target = (
        (source_of(tmp_path / "s"), end.at("t")) if way is Way.UP else (end.at("s"), destination_of(tmp_path / "t"))
    )
    cancelled = threading.Event()
    asked: list[float] = []

    def cancel(progress: Progress) -> None:
        if progress.bytes_done > 4 * MIB and not asked:
            asked.append(time.monotonic())
            cancelled.set()

    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        with pytest.raises(Cancelled) as caught:
            copy(source, target, near.connections, options, progress=cancel, cancelled=cancelled)
        assert time.monotonic() - asked[0] < 2
        time.sleep(max(0.0, asked[0] + 2 - time.monotonic()))
        at_end = _moved(proxy, way)
        time.sleep(0.5)
        assert _moved(proxy, way) == at_end, "bytes still pass"
        assert all(at < asked[0] + 2 for at, _ in proxy.timelines[way])
    assert caught.value.report.files < 5
    report = copy(source, target, end.connections, CopyOptions(part_size=2**18))
    assert report.resumed >= 2**18
    found = end.read("t") if way is Way.UP else read(tmp_path / "t")
    assert found == read(tmp_path / "s")
    assert end.debris() == []
    assert list(tmp_path.rglob(".datamove-*")) == []


def _moved(proxy: Proxy, way: Way) -> int:
    return proxy.total.up if way is Way.UP else proxy.total.down


def test_a_cancel_gets_through_to_a_server_that_hangs(tmp_path: Path, ends: Ends) -> None:
    make(tmp_path / "s", {f"f{number}": os.urandom(10_000) for number in range(50)})
    end = ends("abfs")
    cancelled = threading.Event()
    with proxying(ends.port("abfs")) as proxy:
        near = ends.through(end, "abfs", proxy.port)
        with prepare_copy(source_of(tmp_path / "s"), end.at("t"), near.connections, CopyOptions()) as prepared:
            proxy.hang = True
            threading.Timer(0.5, cancelled.set).start()
            began = time.monotonic()
            with pytest.raises(Cancelled):
                prepared.carry_out(cancelled=cancelled)
            assert time.monotonic() - began < 2.5


def test_what_an_object_store_holds_of_a_file_besides_its_content_goes_with_it(tmp_path: Path, ends: Ends) -> None:
    from airflow_datamove.stores.contract import Attributes

    end = ends("abfs")
    attributes = Attributes(1_400_000_000.25, "text/x-odd", {"owner": "acme", "note": "a b"})
    with end.opened() as store:
        store.put(end.at("s/small").path, memoryview(b"1"), attributes)
        with store.create(end.at("s/large").path, size=5 * MIB, attributes=attributes) as writer:
            writer.write(bytes(5 * MIB))
            writer.commit()
    copy(end.at("s"), end.at("t"), end.connections)
    with end.opened() as store:
        for name in ("small", "large"):
            found = store.stat(end.at(f"t/{name}").path)
            assert (found.modified, found.content_type, found.metadata) == (
                1_400_000_000.25, "text/x-odd", {"owner": "acme", "note": "a b"},
            )  # fmt: skip


def test_a_time_of_modification_comes_back_from_an_object_store(tmp_path: Path, ends: Ends) -> None:
    end = ends("abfs")
    make(tmp_path / "s", {"small": b"1", "large": os.urandom(5 * MIB), "zero": b""}, modified=1_234_567_890.5)
    copy(source_of(tmp_path / "s"), end.at("x"), end.connections)
    copy(end.at("x"), destination_of(tmp_path / "t"), end.connections)
    assert {path.name: path.stat().st_mtime for path in (tmp_path / "t").iterdir()} == dict.fromkeys(
        ("small", "large", "zero"), 1_234_567_890.5
    )


def test_links_and_special_files_are_counted_and_lead_nowhere(tmp_path: Path) -> None:
    make(tmp_path, {"outside/secret": b"secret", "s/f": b"1"})
    os.symlink(tmp_path / "outside", tmp_path / "s" / "directory")
    os.symlink(tmp_path / "outside" / "secret", tmp_path / "s" / "file")
    os.symlink("/nowhere", tmp_path / "s" / "broken")
    os.mkfifo(tmp_path / "s" / "pipe")
    for options in (CopyOptions(), CopyOptions(publish=Publish.TOGETHER, marker=""), CopyOptions(mirror=True)):
        report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
        assert report.special == 4
        assert read(tmp_path / "t") == {"f": b"1"}
        assert sorted(os.listdir(tmp_path / "t")) == ["f"]


def test_a_file_that_becomes_a_link_after_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, {"outside/secret": b"secret", "s/f": b"123456"})
    with prepare_copy(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), NOTHING, CopyOptions()) as prepared:
        os.unlink(tmp_path / "s" / "f")
        os.symlink(tmp_path / "outside" / "secret", tmp_path / "s" / "f")
        with pytest.raises(CopyFailed):
            prepared.carry_out()
    assert read(tmp_path / "t") == {}


def test_a_file_in_parts_that_is_spoilt_on_a_disk_after_it_was_written_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_datamove.stores import local_upload

    make(tmp_path / "s", {"large": os.urandom(MIB)})
    commit = local_upload.PartFile.commit
    spoilt: list[str] = []

    def spoiling(self: local_upload.PartFile, crc32c: str | None = None) -> object:
        entry = commit(self, crc32c)
        if not spoilt:
            spoilt.append(entry.path)
            with open(entry.path, "r+b") as file:
                file.write(b"spoilt")
        return entry

    monkeypatch.setattr(local_upload.PartFile, "commit", spoiling)
    options = CopyOptions(part_size=2**16, verify=Verify.READ_BACK)
    report = run(source_of(tmp_path / "s"), destination_of(tmp_path / "t"), options)
    assert spoilt
    assert report.verified_by == "crc32c, read back"
    assert read(tmp_path / "t") == read(tmp_path / "s")
