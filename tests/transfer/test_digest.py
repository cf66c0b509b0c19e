"""A digest of parts that several threads bring: right, or silent; never a wait without an end."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from itertools import count

import pytest

from airflow_datamove.transfer import digest as module
from airflow_datamove.transfer.digest import OrderedDigest

PARTS = [random.Random(number).randbytes(1 + 997 * (number % 7)) for number in range(60)]
MD5 = hashlib.md5(b"".join(PARTS)).hexdigest()


def _on_threads(threads: int, work: Callable[[int], None]) -> None:
    """Each of the parts is taken by whichever thread is free, as a crew does it."""
    numbers = count()

    def live() -> None:
        while (number := next(numbers)) < len(PARTS):
            work(number)

    members = [threading.Thread(target=live, daemon=True) for _ in range(threads)]
    for member in members:
        member.start()
    for member in members:
        member.join(20)
        assert not member.is_alive(), "it waits for a turn that never comes"


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize("expected", [MD5, MD5[::-1]], ids=["right", "wrong"])
def test_parts_of_several_threads_are_taken_in_order_and_none_waits_for_ever(threads: int, expected: str) -> None:
    digest, pauses = OrderedDigest({"md5": expected}), random.Random(threads)

    def bring(number: int) -> None:
        threading.Event().wait(pauses.random() / 1000)
        digest.update(number, memoryview(PARTS[number]))

    _on_threads(threads, bring)
    assert digest.matches(len(PARTS)) is (expected == MD5)


def test_parts_that_wait_for_one_that_never_comes_are_let_go_once_it_is_given_up() -> None:
    digest = OrderedDigest({"md5": MD5})
    members = [
        threading.Thread(target=digest.update, args=(number, memoryview(PARTS[number])), daemon=True)
        for number in range(1, 9)
    ]
    for member in members:
        member.start()
    members[0].join(0.2)
    assert all(member.is_alive() for member in members), "it did not wait for its turn"
    digest.give_up()
    for member in members:
        member.join(10)
        assert not member.is_alive()
    assert digest.matches(len(PARTS)) is None


def test_a_part_that_is_late_beyond_patience_gives_the_digest_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    digest = OrderedDigest({"md5": MD5})
    digest.update(1, memoryview(PARTS[1]))
    for number in (0, 2, 3):
        digest.update(number, memoryview(PARTS[number]))
    assert digest.matches(4) is None


def test_a_part_that_comes_twice_counts_once() -> None:
    digest = OrderedDigest({"md5": hashlib.md5(PARTS[0] + PARTS[1]).hexdigest()})
    for number in (0, 0, 1, 0, 1):
        digest.update(number, memoryview(PARTS[number]))
    assert digest.matches(2) is True
    assert digest.matches(3) is None
