"""The promises of ``put`` and ``upload`` (see ``stores.contract``), as tests that the test file of every back-end with
parts inherits, beside those of :class:`~tests.stores.contract.StoreContract`.

A back-end gives the fixture ``place``: its store, and the path of an empty directory in it. Sizes follow from its
``PartRules``, and stay as small as these allow.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_datamove.errors import DatamoveError, SourceChanged
from airflow_datamove.stores.contract import Attributes, Entry, Kind
from tests.stores.contract import ODD_NAMES, Place
from tests.stores.parts import Parts, names, rules, whole
from tests.stores.places import get

TYPE = "text/x-datamove"
METADATA = {"owner": "acme", "purpose": "a test; of metadata, with=signs"}


class PartsContract:
    """Inherit from it, and give ``place``."""

    impossible_names: frozenset[str] = frozenset()
    """Those of ODD_NAMES that the store cannot hold."""

    def test_the_rules_make_sense(self, place: Place) -> None:
        found = rules(place[0])
        assert 1 <= found.smallest <= found.size <= found.largest
        assert found.least >= 0
        assert found.most >= 1_000

    def test_parts_in_any_order_from_several_threads_give_the_file(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/d/f", parts=7)
        upload = parts.begin()
        assert dict(upload.held()) == {}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda index: parts.put(upload, [index]), [5, 6, 0, 3, 1, 4, 2]))
        made = upload.commit(parts.whole_crc)
        assert upload.verified_by
        upload.close()
        assert (made.path, made.kind, made.size) == (f"{top}/d/f", Kind.FILE, len(parts.data))
        assert get(store, parts.path) == parts.data
        assert names(store, f"{top}/d") == ["f"]
        assert list(store.leftovers(top)) == []

    def test_a_file_of_one_part_alone(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f", parts=1)
        whole(parts)
        assert get(store, parts.path) == parts.data

    def test_a_last_part_that_is_full(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        parts.data = parts.data[: 2 * parts.part_size]
        parts.count = 2
        whole(parts)
        assert get(store, parts.path) == parts.data

    def test_nothing_of_an_upload_is_visible_before_its_commit(self, place: Place) -> None:
        store, top = place
        store.put(f"{top}/d/other", memoryview(b"1"))
        parts = Parts(store, f"{top}/d/f")
        upload = parts.begin()
        upload.held()
        parts.put(upload, range(parts.count))
        assert not store.exists(parts.path)
        assert names(store, f"{top}/d") == ["other"]
        assert [entry.name for entry in store.walk(f"{top}/d")] == ["other"]
        upload.commit(parts.whole_crc)
        upload.close()
        assert names(store, f"{top}/d") == ["f", "other"]

    def test_another_try_finds_the_parts_and_goes_on(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f", parts=4)
        first = parts.begin()
        first.held()
        parts.put(first, (2, 0))
        first.close()
        second = parts.begin()
        held = dict(second.held())
        assert set(held) == {0, 2}
        assert all(crc is None or crc == parts.crc(index) for index, crc in held.items())
        parts.put(second, (index for index in range(parts.count) if index not in held))
        second.commit(parts.whole_crc)
        second.close()
        assert get(store, parts.path) == parts.data
        assert list(store.leftovers(top)) == []

    def test_another_try_finds_all_parts_and_only_commits(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        first = parts.begin()
        first.held()
        parts.put(first, range(parts.count))
        first.close()
        second = parts.begin()
        assert set(second.held()) == set(range(parts.count))
        second.commit(parts.whole_crc)
        second.close()
        assert get(store, parts.path) == parts.data

    def test_another_identity_finds_none(self, place: Place) -> None:
        store, top = place
        old, new = Parts(store, f"{top}/f"), Parts(store, f"{top}/f", seed=2)
        first = old.begin()
        first.held()
        old.put(first, range(2))
        first.close()
        second = new.begin()
        assert dict(second.held()) == {}
        new.put(second, range(new.count))
        second.commit(new.whole_crc)
        second.close()
        assert get(store, new.path) == new.data

    def test_commit_replaces_in_one_act_and_says_what_stat_says(self, place: Place) -> None:
        store, top = place
        path = f"{top}/f"
        store.put(path, memoryview(b"old"))
        parts = Parts(store, path)
        upload = parts.begin(Attributes(1_500_000_000))
        upload.held()
        parts.put(upload, range(parts.count))
        assert get(store, path) == b"old"
        made = upload.commit(parts.whole_crc)
        upload.close()
        assert made == store.stat(path)
        assert (made.size, made.modified) == (len(parts.data), 1_500_000_000)
        assert get(store, path, version=made.version) == parts.data
        assert names(store, top) == ["f"]

    def test_a_commit_without_the_crc_of_the_whole(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        upload = parts.begin()
        upload.held()
        parts.put(upload, range(parts.count))
        assert upload.commit() == store.stat(parts.path)
        upload.close()
        assert get(store, parts.path) == parts.data

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_commit_that_lacks_a_part_publishes_nothing(self, place: Place, missing: int) -> None:
        store, top = place
        path = f"{top}/f"
        store.put(path, memoryview(b"old"))
        parts = Parts(store, path)
        upload = parts.begin()
        upload.held()
        parts.put(upload, (index for index in range(parts.count) if index != missing))
        with pytest.raises(DatamoveError) as caught:
            upload.commit(parts.whole_crc)
        assert caught.value.retryable
        assert get(store, path) == b"old"
        upload.abort()
        upload.close()
        assert names(store, top) == ["f"]

    def test_abort_leaves_nothing_that_is_listed_and_may_be_repeated(self, place: Place) -> None:
        store, top = place
        store.put(f"{top}/other", memoryview(b"1"))
        parts = Parts(store, f"{top}/f")
        upload = parts.begin()
        upload.held()
        parts.put(upload, range(parts.count))
        upload.abort()
        upload.abort()
        upload.close()
        upload.close()
        assert not store.exists(parts.path)
        assert names(store, top) == ["other"]
        assert list(store.leftovers(top)) == []
        whole(parts)
        assert get(store, parts.path) == parts.data

    def test_abort_of_an_upload_after_its_commit_is_harmless(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        upload = parts.begin()
        upload.held()
        parts.put(upload, range(parts.count))
        upload.commit(parts.whole_crc)
        upload.abort()
        upload.close()
        assert get(store, parts.path) == parts.data

    def test_two_uploads_of_one_identity_at_once_both_end_well(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f", parts=5)
        made: list[Entry] = []
        failed: list[BaseException] = []
        together = threading.Barrier(2)

        def run(order: list[int]) -> None:
            try:
                upload = parts.begin()
                held = upload.held()
                together.wait(60)
                parts.put(upload, (index for index in order if index not in held))
                made.append(upload.commit(parts.whole_crc))
                upload.close()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=run, args=(order,)) for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # One may meet the other in the middle of its commit: that must be an error that a retry heals.
        assert all(isinstance(error, DatamoveError) and error.retryable for error in failed), failed
        assert len(made) >= 1
        assert all(entry.size == len(parts.data) for entry in made)
        assert get(store, parts.path) == parts.data
        for _ in failed:
            whole(parts)
        assert get(store, parts.path) == parts.data
        assert names(store, top) == ["f"]

    def test_a_commit_after_that_of_another_try_is_as_good(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        first, second = parts.begin(), parts.begin()
        first.held()
        parts.put(first, range(parts.count))
        second.held()
        parts.put(second, (2, 1))
        first.commit(parts.whole_crc)
        first.close()
        made = second.commit(parts.whole_crc)
        second.close()
        assert made == store.stat(parts.path)
        assert get(store, parts.path) == parts.data

    def test_an_orphans_late_part_harms_nothing(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        orphan, retry = parts.begin(), parts.begin()
        orphan.held()
        parts.put(orphan, (0,))
        held = retry.held()
        parts.put(retry, (index for index in range(parts.count) if index not in held))
        made = retry.commit(parts.whole_crc)
        retry.close()
        # Where the parts' place is gone, the orphan may be told so; it must not be able to spoil what is published.
        try:
            parts.put(orphan, (1,))
        except DatamoveError:
            pass
        finally:
            orphan.abort()
            orphan.close()
        assert store.stat(parts.path).version == made.version
        assert get(store, parts.path) == parts.data
        later = Parts(store, parts.path, seed=3)
        whole(later)
        assert get(store, later.path) == later.data

    def test_a_part_that_is_written_twice(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        upload = parts.begin()
        upload.held()
        parts.put(upload, (0, 1, 1, 2, 0, 2))
        upload.commit(parts.whole_crc)
        upload.close()
        assert get(store, parts.path) == parts.data

    def test_a_file_in_parts_with_an_odd_name(self, place: Place) -> None:
        store, top = place
        names_ = [name for name in ODD_NAMES if name not in self.impossible_names]

        def run(name: str) -> bool:
            parts = Parts(store, f"{top}/{name}-d/{name}", parts=1)
            whole(parts)
            return get(store, parts.path) == parts.data

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(run, names_))
        found = {entry.path for entry in store.walk(top) if entry.kind is Kind.FILE}
        assert found == {f"{top}/{name}-d/{name}" for name in names_}

    def test_the_pace_is_told_every_byte_and_its_error_gets_through(self, place: Place) -> None:
        store, top = place
        parts = Parts(store, f"{top}/f")
        told: list[int] = []
        upload = parts.begin()
        upload.held()
        upload.put(0, memoryview(parts.part(0)), parts.crc(0), told.append)
        assert sum(told) == parts.part_size
        assert max(told) <= 2**18

        def stop(count: int) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            upload.put(1, memoryview(parts.part(1)), parts.crc(1), stop)
        with pytest.raises(Stopped):
            store.put(f"{top}/g", memoryview(b"1"), pace=stop)
        upload.abort()
        upload.close()
        assert names(store, top) == []

    def test_put_of_no_bytes_of_a_few_and_of_the_most_for_one_piece(self, place: Place) -> None:
        store, top = place
        # A store whose pieces may be large is asked for 4 MiB of them: enough to pass every buffer.
        for size in (0, 1, 12_345, min(rules(store).least, 2**22)):
            data = random.Random(size).randbytes(size)
            made, verified_by = store.put(f"{top}/f", memoryview(data), Attributes(1_400_000_000))
            assert verified_by
            assert made == store.stat(f"{top}/f")
            assert (made.size, made.modified, made.kind) == (size, 1_400_000_000, Kind.FILE)
            assert get(store, f"{top}/f", version=made.version) == data
        assert names(store, top) == ["f"]
        assert list(store.leftovers(top)) == []

    def test_put_replaces_and_the_version_changes(self, place: Place) -> None:
        store, top = place
        first = store.put(f"{top}/a/b/f", memoryview(b"one")).entry
        second = store.put(f"{top}/a/b/f", memoryview(b"two")).entry
        assert get(store, f"{top}/a/b/f") == b"two"
        assert first.version != second.version
        if first.version is not None:
            with pytest.raises(SourceChanged):
                get(store, f"{top}/a/b/f", version=first.version)

    def test_put_takes_the_callers_memory_and_gives_it_back(self, place: Place) -> None:
        store, top = place
        memory = bytearray(b"x" * 100_000)
        store.put(f"{top}/f", memoryview(memory)[500:90_000])
        memory[:] = b"y" * 100_000
        memory.extend(b"grows only if nobody holds it")
        assert get(store, f"{top}/f") == b"x" * 89_500

    def test_content_type_and_metadata_come_back(self, place: Place) -> None:
        store, top = place
        attributes = Attributes(1_300_000_000.5, TYPE, METADATA)
        if not store.capabilities.metadata:
            made_without = store.put(f"{top}/piece", memoryview(b"1"), attributes).entry
            assert (made_without.content_type, made_without.metadata) == (None, None)
            assert store.stat(f"{top}/piece") == made_without
            return
        parts = Parts(store, f"{top}/parts")
        made = [store.put(f"{top}/piece", memoryview(b"1"), attributes).entry, whole(parts, attributes)]
        with store.create(f"{top}/stream", size=3, attributes=attributes) as writer:
            writer.write(b"abc")
            made.append(writer.commit())
        for entry in made:
            assert entry == store.stat(entry.path)
            assert (entry.content_type, entry.metadata, entry.modified) == (TYPE, METADATA, 1_300_000_000.5)
        store.put(f"{top}/piece", memoryview(b"2"))
        assert store.stat(f"{top}/piece").metadata == {}
        for entry in store.walk(top):
            assert entry.metadata in (None, {}, METADATA)

    def test_the_root_is_made_once_and_for_all(self, place: Place) -> None:
        store, top = place
        store.put(f"{top}/f", memoryview(b"1"))
        store.create_root()
        store.create_root()
        assert get(store, f"{top}/f") == b"1"


class Stopped(Exception):
    """What a pace raises when a copy is cancelled."""
