"""Small files, copied by child processes: :class:`Children`.

Of one interpreter's threads one runs at a time, and of a small file nearly everything is short calls to the system, at
each of which the others are let in. Where that is the limit, with four threads a file costs twice the CPU time that it
costs with one, and takes no less time; child processes of one thread each stand in nobody's way. Where a server is the
limit they only cost more, so they are left alone then.

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
_BATCH_BYTES = 2**22
"""Bytes of them: what is given to a child keeps to no rate that is set meanwhile."""
_LARGEST = 2**20
"""Bytes; the threads do larger files as well."""
_WORTH = 100
"""Files for which children are made."""
_MOST = 8
_SECONDS_TO_END = 1.0
_WINDOW = 0.2
"""Seconds over which it is measured whether they are worth it."""
_IDLE, _CROWDED = 0.6, 0.85
"""Cores: children that use less wait for a server; of a parent that uses more, the threads wait for one another."""


class Done(NamedTuple):
    """What came of one file in a child."""

    copied: Copied
    seconds: float


class _Answer(NamedTuple):
    """What a child says of a batch."""

    done: Sequence[Done | None]
    used: float
    """CPU seconds of it."""


class Children:
    """The child processes of one copy; none where they would bring nothing, or cannot be."""

    def __init__(self, passage: Passage, files: int) -> None:
        self._passage = passage
        self._all: list[_Child] = []
        self._idle: list[_Child] = []
        self._over = False
        self._worth = True
        self._used = 0.0
        self._since = (time.monotonic(), 0.0, time.process_time())
        if files >= _WORTH and _may_fork(passage):
            gc.freeze()  # a collection in the child would touch, and so copy, all memory that it shares
            with suppress(OSError):  # a limit of processes or files: those that there are will do
                for _ in range(min(_MOST, passage.options.threads)):
                    self._all.append(_Child(passage, self._all))
            gc.unfreeze()
            self._idle = self._all[::-1]
        self._batch = max(1, min(_BATCH, files // (4 * max(1, len(self._all)))))

    def take(self, item: FileCopy) -> bool:
        """Whether a file is one for them."""
        return bool(self._all) and item.source.size <= _LARGEST and cut(self._passage, item.source) is None

    def enough(self, batch: Sequence[FileCopy]) -> bool:
        """Whether so many files are what a child is best given at a time."""
        return len(batch) >= self._batch or sum(item.source.size for item in batch) >= _BATCH_BYTES

    def copy(self, batch: Sequence[FileCopy]) -> Sequence[Done | None]:
        """Has some files copied, and waits for it.

        :return: for each file ``None`` if it is yet to be copied.
        """
        nothing = [None] * len(batch)
        # A rate is kept by one process alone.
        if self._over or not self._worth or self._passage.throttle.rate is not None:
            return nothing
        try:
            child = self._idle.pop()
        except IndexError:
            return nothing
        answer = child.copy(batch)
        if answer is None:
            return nothing
        self._idle.append(child)
        self._used += answer.used
        return answer.done

    def look(self) -> None:
        """Told now and then; finds out whether they are worth it."""
        now, used, own = time.monotonic(), self._used, time.process_time()
        then, used_then, own_then = self._since
        seconds = now - then
        if seconds < _WINDOW or not self._all:
            return
        self._since = (now, used, own)
        self._worth = used - used_then > _IDLE * seconds or own - own_then > _CROWDED * seconds

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
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            _live(theirs, [ours, *(other._pipe for other in others)], passage, parent)
        theirs.close()
        self._pid, self._pipe = pid, ours

    def copy(self, batch: Sequence[FileCopy]) -> _Answer | None:
        """See :meth:`Children.copy`; ``None`` if the child has died."""
        try:
            self._pipe.send(batch)
            found: _Answer = self._pipe.recv()
        except (OSError, EOFError):
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
    stops = passage.options.on_error is OnError.STOP
    if not all(end.forks for end in ends) or passage.throttle.rate is not None or stops:
        return False
    try:
        for _ in range(20):  # the threads that have listed may just be ending
            if len(os.listdir("/proc/self/task")) == 1:
                return True
            time.sleep(0.005)
    except OSError:  # no Linux
        pass
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
            batch = pipe.recv()
            before = time.process_time()
            # An orphan must not write beside the next try.
            done = [_copy(alone, item) if os.getppid() == parent else None for item in batch]
            pipe.send(_Answer(done, time.process_time() - before))
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
