from __future__ import annotations

import os
import threading

from airflow_datamove.transfer.spool import Spool

MORE_THAN_MEMORY_HOLDS = 25_000


def test_what_is_longer_than_memory_comes_back_in_its_order_and_more_than_once() -> None:
    spool: Spool[tuple[int, str]] = Spool()
    for number in range(MORE_THAN_MEMORY_HOLDS):
        spool.append((number, f"name \udcff {number}"))
    expected = [(number, f"name \udcff {number}") for number in range(MORE_THAN_MEMORY_HOLDS)]
    assert len(spool) == MORE_THAN_MEMORY_HOLDS
    assert list(spool) == expected
    assert list(spool) == expected
    assert spool._file is not None, "all of it was kept in memory"
    spool.close()
    assert len(spool) == 0
    assert list(spool) == []


def test_several_threads_add_and_nothing_is_lost() -> None:
    spool: Spool[int] = Spool()

    def add(first: int) -> None:
        for number in range(first, MORE_THAN_MEMORY_HOLDS * 2, 8):
            spool.append(number)

    threads = [threading.Thread(target=add, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(spool) == list(range(MORE_THAN_MEMORY_HOLDS * 2))
    spool.close()


def test_reading_and_adding_at_once_gives_what_was_there_when_the_reading_began() -> None:
    spool: Spool[int] = Spool()
    for number in range(22_500):
        spool.append(number)
    seen = []
    for number in spool:
        seen.append(number)
        if number % 5 == 0:
            spool.append(-1)
    assert seen == list(range(22_500))
    assert len(list(spool)) == 27_000
    spool.close()


def test_its_file_has_no_name_and_ends_with_it() -> None:
    before = len(os.listdir("/proc/self/fd"))
    spool: Spool[int] = Spool()
    for number in range(MORE_THAN_MEMORY_HOLDS):
        spool.append(number)
    assert spool._file is not None
    assert os.fstat(spool._file.fileno()).st_nlink == 0
    spool.close()
    assert len(os.listdir("/proc/self/fd")) == before
