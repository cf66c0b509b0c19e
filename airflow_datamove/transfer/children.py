"""Small files, copied by child processes: :class:`Children`.

Of one interpreter's threads one runs at a time, and of a small file nearly everything is short calls to the system, at
each of which the others are let in: with four threads it costs twice the CPU time that it costs with one, and takes no
less time. Child processes of one thread each stand in nobody's way.

A child does what goes well. Whatever does not (an error, a source that has changed, a server that asks for fewer
requests) comes back, and is done here, where tries, pauses and reports are.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import NamedTuple, Self

from airflow_datamove.transfer.crew import Gate
from airflow_datamove.transfer.file_copy import ready
from airflow_datamove.transfer.options import OnError
from airflow_datamove.transfer.parted_file import cut
from airflow_datamove.transfer.passage import Passage
from airflow_datamove.transfer.plan import FileCopy
from airflow_datamove.transfer.progress import Meter
from airflow_datamove.transfer.throttle import Throttle
from airflow_datamove.transfer.whole_file import Copied, copy_whole

_BATCH = 64
"""Files that a child is given at a time, at most."""
_LARGEST = 2**20
"""Bytes; the threads do larger files as well."""
_WORTH = 100
"""Files for which children are made."""
_MOST = 8
_SECONDS_TO_END = 1.0


class Done(NamedTuple):
    """What came of one file in a child."""

    copied: Copied
    seconds: float


class Children:
    """The child processes of one copy; none where they would bring nothing, or cannot be."""

    def __init__(self, passage: Passage, files: int) -> None:
        self._passage = passage
        self._all: list[_Child] = []
        self._idle: list[_Child] = []
        self._over = False
        if files >= _WORTH and _may_fork(passage):
            gc.freeze()  # a collection in the child would touch, and so copy, all memory that it shares
            try:
                for _ in range(min(_MOST, passage.options.threads)):
                    self._all.append(_Child(passage, self._all))
            finally:
                gc.unfreeze()
            self._idle = self._all[::-1]
        self.batch = max(1, min(_BATCH, files // (4 * max(1, len(self._all)))))
        """Files that a child is best given at a time."""

    def take(self, item: FileCopy) -> bool:
        """Whether a file is one for them."""
        return bool(self._all) and item.source.size <= _LARGEST and cut(self._passage, item.source) is None

    def copy(self, batch: Sequence[FileCopy]) -> Sequence[Done | None]:
        """Has some files copied, and waits for it.

        :return: for each file ``None`` if it is yet to be copied.
        """
        try:
            child = self._idle.pop()
        except IndexError:
            return [None] * len(batch)
        # A rate is kept by one process alone.
        done = None if self._over or self._passage.throttle.rate is not None else child.copy(batch)
        if done is None and not child.alive:
            return [None] * len(batch)
        self._idle.append(child)
        return done or [None] * len(batch)

    def interrupt(self) -> None:
        """Has them break off and clean up."""
        self._over = True
        for child in self._all:
            child.signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        until = time.monotonic() + _SECONDS_TO_END
        for child in self._all:
            child.close()
        for child in self._all:
            child.wait(until)


class _Child:
    """One of them, seen from its parent."""

    def __init__(self, passage: Passage, others: Sequence[_Child]) -> None:
        self._pipe: Connection
        ours, theirs = Pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _live(theirs, [ours, *(other._pipe for other in others)], passage, parent)
        theirs.close()
        self._pid, self._pipe = pid, ours
        self.alive = True

    def copy(self, batch: Sequence[FileCopy]) -> Sequence[Done | None] | None:
        """See :meth:`Children.copy`; ``None`` if the child has died."""
        try:
            self._pipe.send(batch)
            found: Sequence[Done | None] = self._pipe.recv()
        except (OSError, EOFError):
            self.alive = False
            return None
        return found

    def signal(self, number: int) -> None:
        """Sends a signal, unless it has been waited for."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def close(self) -> None:
        """Lets it end: there is nothing more to do."""
        self._pipe.close()

    def wait(self, until: float) -> None:
        """Waits for its end, which at a moment on the monotonic clock is brought about."""
        with suppress(ChildProcessError):
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() >= until:
                    self.signal(signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    break
                time.sleep(0.005)
        self._pid = 0


def _may_fork(passage: Passage) -> bool:
    """Whether what is copied may be copied by children. A process of several threads must not fork: whatever lock one
    of the others holds stays locked for ever in the child."""
    ends = (passage.source.capabilities, passage.destination.capabilities)
    options = passage.options
    if not all(end.forks for end in ends) or options.rate is not None or options.on_error is OnError.STOP:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # no Linux
        return False


class _Ended(BaseException):
    """The parent wants an end."""


def _live(pipe: Connection, others: Sequence[Connection], passage: Passage, parent: int) -> None:
    """The life of a child; does not return."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent decides
        signal.signal(signal.SIGTERM, _end)
        for other in others:
            other.close()  # else they would outlive the parent, each held open by the next
        alone = replace(passage, throttle=Throttle(None), meter=Meter(0, 0), gate=Gate(1), cancelled=threading.Event())
        while True:
            # An orphan must not write beside the next try.
            pipe.send([_copy(alone, item) if os.getppid() == parent else None for item in pipe.recv()])
    except (_Ended, EOFError, OSError):
        pass
    finally:
        os._exit(0)


def _end(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Ended


def _copy(passage: Passage, item: FileCopy) -> Done | None:
    began = time.monotonic()
    try:
        copied = copy_whole(passage, ready(passage, item.source), item.destination)
    except Exception:
        return None  # the parent will meet it again, and tell
    return Done(copied, time.monotonic() - began)
