"""Waiting for a path: it is there, it comes, it never comes, it cannot be looked at."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_datamove.triggers.exists import ExistsTrigger


async def first_event(trigger: ExistsTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")


def waiting(address: str, seconds: float = 5.0) -> ExistsTrigger:
    return ExistsTrigger(address=address, poll_interval=0.05, until=time.time() + seconds)


def test_what_is_there_fires_at_once(tmp_path: Path) -> None:
    (tmp_path / "_SUCCESS").touch()
    assert asyncio.run(first_event(waiting(f"file://{tmp_path}/_SUCCESS"))) == {"exists": True}


def test_what_comes_fires_when_it_comes(tmp_path: Path) -> None:
    async def both() -> dict[str, Any]:
        event = asyncio.create_task(first_event(waiting(f"file://{tmp_path}/late")))
        await asyncio.sleep(0.3)
        assert not event.done()
        (tmp_path / "late").touch()
        return await event

    assert asyncio.run(both()) == {"exists": True}


def test_what_never_comes_is_told_when_time_is_up(tmp_path: Path) -> None:
    assert asyncio.run(first_event(waiting(f"file://{tmp_path}/never", 0.2))) == {"exists": False}


def test_with_a_slash_at_its_end_it_must_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert asyncio.run(first_event(waiting(f"file://{tmp_path}/file/", 0.2))) == {"exists": False}
    assert asyncio.run(first_event(waiting(f"file://{tmp_path}/folder/"))) == {"exists": True}


def test_a_backslash_makes_a_character_plain_as_in_a_source(tmp_path: Path) -> None:
    (tmp_path / "a[1]").touch()
    assert asyncio.run(first_event(waiting(f"file://{tmp_path}/a\\[1\\]"))) == {"exists": True}


@pytest.mark.parametrize(
    ("address", "words"), [("file:///tmp/*", "is a glob"), ("hdfs://nowhere@/x", "there is no connection 'nowhere'")]
)
def test_what_can_never_be_is_an_error_and_no_wait(address: str, words: str) -> None:
    event = asyncio.run(first_event(waiting(address, 60)))
    assert words in event["error"]


def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", '{"conn_type": "webhdfs", "host": "127.0.0.1", "port": 9}')
    began = time.monotonic()
    assert asyncio.run(first_event(waiting("hdfs://away@/x", 3.0))) == {"exists": False}
    assert time.monotonic() - began > 2.5


def test_it_is_made_again_from_what_it_says_of_itself() -> None:
    trigger = ExistsTrigger(address="file:///x", poll_interval=3.0, until=5.0)
    path, arguments = trigger.serialize()
    assert path == "airflow_datamove.triggers.exists.ExistsTrigger"
    assert ExistsTrigger(**arguments).serialize() == (path, arguments)
