"""The promises of ``stores.contract``, as tests that every back-end's test file inherits.

A back-end gives the fixture ``place``: its store, and the path of an empty directory in it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from airflow_datamove.errors import (
    AlreadyExists,
    DatamoveError,
    NotFound,
    NotSupported,
    SourceChanged,
    StoreError,
    VerificationFailed,
)
from airflow_datamove.stores.contract import Attributes, Entry, Kind, Store
from airflow_datamove.stores.temporary import temporary_path
from tests.stores.places import get, put

Place = tuple[Store, str]

ODD_NAMES = [
    "sp ace", "x%20y", "p%q", "#h", "q?q", "[x]", "{a,b}", "s*s", "back\\slash", '"q"', "'q'", "a+b", "a&b=c", "a;b",
    "a,b", "ünï", "𝄞", "new\nline", "t\tab", ".dot", "..dots", "-dash", "--", " lead", "trail ", "$x", "@y", "~z", "|p",
    "_SUCCESS", "x" * 200, "a:b",
]  # fmt: skip
BIG = 9 * 2**20 + 7
"""More than any back-end sends in one request, and no multiple of anything."""


class StoreContract:
    """Inherit from it, and give ``place``."""

    impossible_names: frozenset[str] = frozenset()
    """Those of ODD_NAMES that the store cannot hold: writing them must be refused, not turned into another name."""

    def test_a_file_reads_back_as_it_was_written(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"content", modified=1_000_000_000)
        entry = store.stat(f"{top}/f")
        assert (entry.path, entry.kind, entry.size, entry.modified) == (f"{top}/f", Kind.FILE, 7, 1_000_000_000)
        assert get(store, f"{top}/f") == b"content"

    def test_commit_says_what_stat_says_afterwards(self, place: Place) -> None:
        store, top = place
        with store.create(f"{top}/f", size=3, attributes=Attributes(1_500_000_000)) as writer:
            writer.write(b"a")
            writer.write(b"bc")
            made = writer.commit()
        assert made == store.stat(f"{top}/f")
        algorithm = store.capabilities.checksum
        assert made.checksums if algorithm else not made.checksums
        assert algorithm is None or algorithm in made.checksums

    def test_a_big_file_reads_back_as_it_was_written(self, place: Place) -> None:
        store, top = place
        piece = bytes(range(256)) * 4096
        data = (piece * 10)[:BIG]
        with store.create(f"{top}/big", size=BIG) as writer:
            for start in range(0, BIG, 700_001):
                writer.write(data[start : start + 700_001])
            assert not store.exists(f"{top}/big")
            made = writer.commit()
        assert made == store.stat(f"{top}/big")
        assert get(store, f"{top}/big", version=made.version) == data
        assert get(store, f"{top}/big", offset=BIG - 10, length=5) == data[-10:-5]

    def test_a_file_of_no_bytes(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/zero")
        assert store.stat(f"{top}/zero").size == 0
        assert store.stat(f"{top}/zero").kind is Kind.FILE
        assert get(store, f"{top}/zero") == b""
        assert [entry.name for entry in store.list(top)] == ["zero"]

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 100, b"89"), (0, 0, b""), (5, 0, b""),
            (10, None, b""), (11, None, b""), (500, 7, b""),
        ],
    )  # fmt: skip
    def test_ranges(self, place: Place, offset: int, length: int | None, expected: bytes) -> None:
        store, top = place
        put(store, f"{top}/f", b"0123456789")
        assert get(store, f"{top}/f", offset=offset, length=length) == expected

    def test_list_gives_the_children_sorted_by_code_point(self, place: Place) -> None:
        store, top = place
        for name in ("b", "a", "B", "é", "a.b", "dir/x", "dir-1", "dir/sub/y"):
            put(store, f"{top}/{name}", b"1")
        found = [(entry.name, entry.kind) for entry in store.list(top)]
        files = [(name, Kind.FILE) for name in ("B", "a", "a.b", "b")]
        assert found == [*files, ("dir", Kind.DIRECTORY), ("dir-1", Kind.FILE), ("é", Kind.FILE)]

    def test_walk_gives_everything_below_parents_first(self, place: Place) -> None:
        store, top = place
        for name in ("a/b/c/1", "a/b/2", "a-b/3", "4"):
            put(store, f"{top}/{name}", b"1")
        store.make_directory(f"{top}/a/empty")
        found = [entry.path.removeprefix(f"{top}/") for entry in store.walk(top)]
        assert sorted(found) == ["4", "a", "a-b", "a-b/3", "a/b", "a/b/2", "a/b/c", "a/b/c/1", "a/empty"]
        assert all("/" not in path or found.index(path.rpartition("/")[0]) < found.index(path) for path in found)

    def test_measure_counts_what_walk_gives(self, place: Place) -> None:
        store, top = place
        for name in ("a/b/1", "a/2", "3"):
            put(store, f"{top}/{name}", b"12345")
        found = store.measure(top)
        assert (found.files, found.directories, found.bytes) == (3, 2, 15)
        found = store.measure(f"{top}/3")
        assert (found.files, found.directories, found.bytes) == (1, 0, 5)

    def test_odd_names_are_kept(self, place: Place) -> None:
        store, top = place
        names = [name for name in ODD_NAMES if name not in self.impossible_names]
        paths = [path for name in names for path in (f"{top}/{name}", f"{top}/{name}-d/{name}")]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: put(store, path, path.encode()), paths))
            contents = list(pool.map(lambda path: get(store, path, version=store.stat(path).version), paths))
        assert contents == [path.encode() for path in paths]
        assert [entry.name for entry in store.list(top)] == sorted([*names, *(f"{name}-d" for name in names)])
        assert {each.path for each in store.walk(top) if each.kind is Kind.FILE} == set(paths)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(store.delete, paths))
        left = store.walk(top) if store.exists(top) else iter(())
        assert [each for each in left if each.kind is Kind.FILE] == []

    def test_names_that_the_store_cannot_hold_are_refused(self, place: Place) -> None:
        store, top = place
        for name in self.impossible_names:
            with pytest.raises(NotSupported):
                put(store, f"{top}/{name}", b"1")
        put(store, f"{top}/f", b"1")
        assert [entry.path for entry in store.walk(top)] == [f"{top}/f"]

    def test_empty_directories(self, place: Place) -> None:
        store, top = place
        store.make_directory(f"{top}/a/b")
        store.make_directory(f"{top}/a/b")
        assert store.stat(f"{top}/a/b").kind is Kind.DIRECTORY
        assert store.stat(f"{top}/a").kind is Kind.DIRECTORY
        assert list(store.list(f"{top}/a/b")) == []
        assert [(each.path, each.kind) for each in store.walk(f"{top}/a")] == [(f"{top}/a/b", Kind.DIRECTORY)]
        store.delete(f"{top}/a/b")
        assert not store.exists(f"{top}/a/b")

    def test_a_directory_is_not_made_over_a_file(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"1")
        with pytest.raises(AlreadyExists):
            store.make_directory(f"{top}/f")
        assert get(store, f"{top}/f") == b"1"

    def test_nothing_is_visible_before_commit(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/other", b"1")
        with store.create(f"{top}/f", size=2) as writer:
            writer.write(b"ab")
            assert not store.exists(f"{top}/f")
            assert [entry.name for entry in store.list(top)] == ["other"]
            assert [entry.name for entry in store.walk(top)] == ["other"]
            writer.commit()
        assert get(store, f"{top}/f") == b"ab"

    def test_abort_leaves_nothing_and_may_be_repeated(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/other", b"1")
        with store.create(f"{top}/f", size=2**20) as writer:
            writer.write(b"ab")
        writer.abort()
        assert not store.exists(f"{top}/f")
        assert self.everything(store, top) == ["other"]

    def test_abort_after_commit_is_harmless(self, place: Place) -> None:
        store, top = place
        with store.create(f"{top}/f", size=1) as writer:
            writer.write(b"1")
            writer.commit()
            writer.abort()
        assert get(store, f"{top}/f") == b"1"

    @pytest.mark.parametrize("written", [b"1", b"1234"])
    def test_another_length_than_announced_is_not_published(self, place: Place, written: bytes) -> None:
        store, top = place
        put(store, f"{top}/f", b"old")
        with pytest.raises(VerificationFailed):
            self.write_and_commit(store, f"{top}/f", written, announced=3)
        assert get(store, f"{top}/f") == b"old"
        assert self.everything(store, top) == ["f"]

    def test_an_existing_file_is_replaced_in_one_act(self, place: Place) -> None:
        store, top = place
        path = f"{top}/f"
        put(store, path, b"old")
        with store.create(path, size=4) as writer:
            writer.write(b"newer"[:4])
            assert get(store, path) == b"old"
            writer.commit()
        assert get(store, path) == b"newe"
        assert self.everything(store, top) == ["f"]

    def test_a_reader_sees_the_old_or_the_new_content_while_it_is_replaced(self, place: Place) -> None:
        store, top = place
        path = f"{top}/f"
        put(store, path, b"0" * 1000)
        seen: set[bytes] = set()
        over = threading.Event()

        def read() -> None:
            # Each read may meet a change; the one after the last change cannot.
            while not (over.is_set() and seen):
                with suppress(SourceChanged):
                    seen.add(get(store, path))

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(1, 6):
            put(store, path, str(number).encode() * 1000)
        over.set()
        reader.join()
        assert seen
        assert seen <= {str(number).encode() * 1000 for number in range(6)}

    def test_concurrent_writers_publish_one_of_their_contents_whole(self, place: Place) -> None:
        store, top = place
        path = f"{top}/f"
        contents = [bytes([65 + number]) * BIG for number in range(3)]
        succeeded: list[bytes] = []
        failed: list[DatamoveError] = []

        def write(content: bytes) -> None:
            try:
                with store.create(path, size=BIG) as writer:
                    for start in range(0, BIG, 2**20):
                        writer.write(content[start : start + 2**20])
                    writer.commit()
                succeeded.append(content)
            except DatamoveError as error:
                failed.append(error)

        threads = [threading.Thread(target=write, args=(content,)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert get(store, path) in succeeded
        assert [error for error in failed if not error.retryable] == []
        assert self.everything(store, top) == ["f"]

    def test_what_a_killed_try_left_is_not_listed(self, place: Place) -> None:
        store, top = place
        leftover = temporary_path(f"{top}/d/f")
        put(store, f"{top}/d/f", b"1")
        put(store, leftover, b"half")
        assert [entry.name for entry in store.list(f"{top}/d")] == ["f"]
        assert [entry.name for entry in store.walk(f"{top}/d")] == ["f"]
        store.delete(leftover)

    def test_a_read_of_a_version_that_is_gone_is_source_changed(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"old!")
        version = store.stat(f"{top}/f").version
        assert version is not None
        put(store, f"{top}/f", b"new!")
        with pytest.raises(SourceChanged):
            get(store, f"{top}/f", version=version)

    def test_what_is_not_there_is_not_found(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"1")
        assert not store.exists(f"{top}/none")
        for path in (f"{top}/none", f"{top}/none/below", f"{top}/f/below"):
            with pytest.raises(NotFound):
                store.stat(path)
            with pytest.raises(NotFound):
                get(store, path)
            with pytest.raises(NotFound):
                list(store.list(path))
            with pytest.raises(NotFound):
                list(store.walk(path))

    def test_a_file_has_no_children_and_a_directory_no_content(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/d/f", b"1")
        with pytest.raises(NotFound):
            list(store.list(f"{top}/d/f"))
        with pytest.raises(StoreError):
            get(store, f"{top}/d")

    def test_delete(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/d/f", b"1")
        with pytest.raises(StoreError):
            store.delete(f"{top}/d")
        store.delete(f"{top}/d/f")
        store.delete(f"{top}/d/f")
        store.delete(f"{top}/d")
        store.delete(f"{top}/d")
        assert not store.exists(f"{top}/d/f")
        assert not store.exists(f"{top}/d")

    def test_the_root_is_a_directory(self, place: Place) -> None:
        store, top = place
        put(store, f"{top}/f", b"1")
        assert store.stat("/") == Entry("/", Kind.DIRECTORY, modified=store.stat("/").modified)
        assert top.split("/")[1] in [entry.name for entry in store.list("/")]

    def write_and_commit(self, store: Store, path: str, data: bytes, announced: int) -> None:
        with store.create(path, size=announced) as writer:
            writer.write(data)
            writer.commit()

    def everything(self, store: Store, top: str) -> list[str]:
        """All names of a directory, also those that a listing leaves out."""
        return [entry.name for entry in store.list(top)]
