"""The one place for the arithmetic ``maps x bandwidth of a map <= slots x rate of a slot``."""

from __future__ import annotations

import math
from decimal import Decimal

_MIB = 2**20

# One map is one stream from disk to network: beyond this, more maps help and a faster map does not exist.
_RATE_OF_A_MAP = 16 * _MIB
# Starting a map costs seconds; below this it costs more than it saves.
_WORK_OF_A_MAP = 64 * _MIB
_MOST_MAPS = 512

DEFAULT_RATE = 100 * _MIB
"""Bytes per second of a job for which nobody names a rate."""


def size_job(files: int, bytes: int, slots: int, slot_rate: int) -> tuple[int, int]:
    """How many maps, and how fast each, so that together they never pass the slots' rate.

    DistCp cuts its list into *more* splits than ``-m`` asks for, up to ``2m - 1``
    (``UniformSizeInputFormat.getSplits`` closes a split before the file that would overfill it), so ``-m`` bounds
    nothing. The plan therefore sets ``mapreduce.job.running.map.limit`` to the same number, which bounds the maps
    that run at one time, and the cap is counted with it.

    :param files: files to copy.
    :param bytes: their bytes.
    :param slots: slots that the job holds, at least 1.
    :param slot_rate: bytes per second of a slot, at least 1.
    :return: maps that run at the same time, and bytes per second of each; both at least 1.
    """
    cap = max(1, slots) * max(1, slot_rate)
    wanted = max(1, min(files, math.ceil(bytes / _WORK_OF_A_MAP), math.ceil(cap / _RATE_OF_A_MAP), _MOST_MAPS))
    return wanted, round_bandwidth(cap // wanted)


def enough_work(slots: int, slot_rate: int) -> tuple[int, int]:
    """So many files and bytes fill a job: with more of them :func:`size_job` gives the same.

    :param slots: slots that the job holds, at least 1.
    :param slot_rate: bytes per second of a slot, at least 1.
    """
    most = max(1, min(math.ceil(max(1, slots) * max(1, slot_rate) / _RATE_OF_A_MAP), _MOST_MAPS))
    return most, most * _WORK_OF_A_MAP


def round_bandwidth(rate: int) -> int:
    """The largest rate up to ``rate`` that a 32-bit float holds exactly: DistCp keeps ``-bandwidth`` in one.

    :param rate: bytes per second, at least 1.
    """
    shift = max(0, rate.bit_length() - 24)
    return max(1, rate >> shift << shift)


def format_bandwidth(rate: int) -> str:
    """Bytes per second as ``-bandwidth`` takes them: a decimal number of MiB per second, never above ``rate``."""
    return f"{Decimal(round_bandwidth(rate)) / _MIB:f}"
