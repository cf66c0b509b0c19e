from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_datamove.transfer.buffers import Buffers

BUDGET = 2**20
SIZES = st.one_of(st.integers(0, 5_000), st.integers(5_000, BUDGET // 2), st.sampled_from([BUDGET, BUDGET + 1]))


class _Watched(Buffers):
    """Notes how much memory is lent at a time."""

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self.lent: dict[int, int] = {}
        self.most = self.most_alone = 0

    def _take(self, size: int) -> bytearray:
        buffer = super()._take(size)
        with self._free:
            self.lent[id(buffer)] = len(buffer)
            if len(self.lent) > 1:
                self.most = max(self.most, sum(self.lent.values()))
        return buffer

    def _give_back(self, buffer: bytearray) -> None:
        with self._free:
            del self.lent[id(buffer)]
        super()._give_back(buffer)
        with self._free:
            assert sum(map(len, self._kept)) + self._lent <= max(self._budget, self._lent)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(SIZES, min_size=1, max_size=12), min_size=1, max_size=8))
def test_never_more_is_lent_than_the_budget_and_everyone_gets_what_they_want(lives: list[list[int]]) -> None:
    buffers = _Watched(BUDGET)

    def live(number: int, sizes: list[int]) -> bool:
        for size in sizes:
            with buffers.lend(size) as buffer:
                assert len(buffer) == size
                buffer[:8] = bytes([number] * min(8, size))
                time.sleep(0)
                assert buffer[:8] == bytes([number] * min(8, size)), "two have one buffer"
        return True

    with ThreadPoolExecutor(len(lives)) as pool:
        assert all(pool.map(live, range(len(lives)), lives, timeout=20))
    assert buffers.most <= BUDGET
    assert buffers.lent == {}


def test_who_wants_more_than_the_budget_gets_it_while_nobody_else_has_any() -> None:
    buffers = Buffers(10**6)
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with buffers.lend(900_000):
            began.set()
            may_end.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    began.wait(10)
    threading.Timer(0.1, may_end.set).start()
    with buffers.lend(10**7) as large:
        assert may_end.is_set()
        assert len(large) == 10**7
    holder.join(10)


def test_memory_is_used_again() -> None:
    buffers = Buffers()
    seen = set()
    for _ in range(10):
        with buffers.lend(2**20) as buffer:
            seen.add(id(buffer.obj))
    assert len(seen) == 1
