"""One poll of a cluster for all jobs that a process waits for: :class:`Lookout`, on asyncio, never blocking it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from weakref import WeakKeyDictionary

from airflow_datamove.distcp.cluster import Cluster
from airflow_datamove.distcp.rest import Rest
from airflow_datamove.distcp.yarn import App, ResourceManager

# An application takes a kilobyte or two of the answer: two hundred jobs are asked after every 4 s at the soonest.
_SECONDS_A_JOB = 0.02


class _Waiting(NamedTuple):
    tag: str
    application_id: str
    every: float
    answer: asyncio.Future[App | None]


class Lookout:
    """Gathers what is asked, and asks the resource manager for all of it at once, at most once in ``every`` seconds.

    :param ask: gives the applications that have one of some tags; it may block, and raise.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Sequence[App]]) -> None:
        self._ask = ask
        self._waiting: list[_Waiting] = []
        self._rounds: asyncio.Task[None] | None = None
        self._last = 0.0
        self.jobs = 0
        """So many were asked after in the last poll."""
        # Threads of its own: others of this process may block those of the event loop.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="distcp-lookout")

    async def app(self, tag: str, application_id: str, every: float) -> App | None:
        """What the next poll says of an application; ``None`` if the resource manager does not know it.

        :param every: seconds between two polls; the smallest of those who wait counts.
        :raises NoAnswer: if nobody answers it.
        """
        waiting = _Waiting(tag, application_id, every, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._poll())
        return await waiting.answer

    async def _poll(self) -> None:
        while self._waiting:
            pause = max(min(each.every for each in self._waiting), _SECONDS_A_JOB * len(self._waiting))
            await asyncio.sleep(self._last + pause - time.monotonic())
            waiting = [each for each in self._waiting if not each.answer.done()]
            self._waiting = []
            await self._answer(waiting)
            # Those who have heard something ask again at once: a poll that is under way must not miss them.
            await asyncio.sleep(0)
        self._rounds = None

    async def _answer(self, waiting: Sequence[_Waiting]) -> None:
        if not waiting:
            return
        loop, tags = asyncio.get_running_loop(), [each.tag for each in waiting]
        self._last, self.jobs = time.monotonic(), len(waiting)
        try:
            found = {app.id: app for app in await loop.run_in_executor(self._threads, self._ask, tags)}
        except Exception as error:  # whatever it is, those who wait must hear of it
            for each in waiting:
                if not each.answer.done():
                    each.answer.set_exception(error)
            return
        for each in waiting:
            if not each.answer.done():
                each.answer.set_result(found.get(each.application_id))


_lookouts: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Cluster, Lookout]] = WeakKeyDictionary()


def lookout_of(cluster: Cluster) -> Lookout:
    """The one lookout of the running event loop for a cluster."""
    mine = _lookouts.setdefault(asyncio.get_running_loop(), {})
    if cluster not in mine:
        mine[cluster] = Lookout(ResourceManager(Rest(cluster.resource_managers, cluster.access)).tagged)
    return mine[cluster]
