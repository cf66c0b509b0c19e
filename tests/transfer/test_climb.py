"""As many threads as bring something, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable

from airflow_datamove.transfer.climb import Climb


def _limits(
    rate: Callable[[int], float], *, seconds: float, files: bool = False, cores: Callable[[int], float] = lambda _: 0.1
) -> list[int]:
    """The limit after each quarter of a second where ``rate(threads)`` is done in a second."""
    now = done = used = 0.0
    climb = Climb(16, clock=lambda: now, processor=lambda: used)
    found = []
    while now < seconds:
        now += 0.25
        done += rate(climb.limit) / 4
        used += cores(climb.limit) / 4
        climb.look(done, int(done) if files else 0)
        found.append(climb.limit)
    return found


def test_a_far_server_gets_all_threads_within_two_seconds() -> None:
    assert _limits(lambda threads: 10.0 * threads, seconds=2.5)[-1] == 16


def test_a_server_that_gives_no_more_gets_few() -> None:
    limits = _limits(lambda threads: 100.0, seconds=20)
    assert limits[-1] == 4
    assert sum(limits) / len(limits) < 5


def test_a_server_with_room_for_eight_gets_eight() -> None:
    assert _limits(lambda threads: 10.0 * min(threads, 8), seconds=5)[-1] == 8


def test_where_the_interpreter_is_the_limit_threads_are_taken_back() -> None:
    limits = _limits(lambda threads: 2000.0 + threads, seconds=5, files=True, cores=lambda _: 1.2)
    assert set(limits) == {4}


def test_more_are_tried_once_again_later() -> None:
    room = [4]
    limits = _limits(lambda threads: 10.0 * min(threads, room[0]), seconds=8)
    assert limits[-1] == 4
    count = 0

    def later(threads: int) -> float:
        nonlocal count
        count += 1
        return 10.0 * min(threads, 4 if count < 20 else 16)

    assert _limits(later, seconds=40)[-1] == 16
