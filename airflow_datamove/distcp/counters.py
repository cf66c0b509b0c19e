"""A job's counters, in the one shape that the application master and the JobHistory server both give."""

from __future__ import annotations

from typing import Any

_DISTCP = "org.apache.hadoop.tools.mapred.CopyMapper$Counter"
_FILE_SYSTEM = "org.apache.hadoop.mapreduce.FileSystemCounter"


class Counters:
    """Totals by group and name; one that is zero is absent in the answer and 0 here.

    :param answer: what ``.../counters`` answered.
    """

    def __init__(self, answer: Any) -> None:
        self._values: dict[tuple[str, str], int] = {}
        body = answer.get("jobCounters") if isinstance(answer, dict) else None
        for group in many(body.get("counterGroup") if isinstance(body, dict) else None):
            for counter in many(group.get("counter")):
                key = (str(group.get("counterGroupName")), str(counter.get("name")))
                self._values[key] = int(counter.get("totalCounterValue") or 0)

    def __bool__(self) -> bool:
        return bool(self._values)

    def copied(self, name: str) -> int:
        """One of DistCp's own (``CopyMapper.Counter``): COPY, SKIP, FAIL, DIR_COPY, BYTESCOPIED, BYTESSKIPPED, ..."""
        return self._values.get((_DISTCP, name), 0)

    def written(self, scheme: str) -> int:
        """Bytes written so far to file systems of a scheme; unlike DistCp's own it moves while a file is copied."""
        return self._values.get((_FILE_SYSTEM, f"{scheme.upper()}_BYTES_WRITTEN"), 0)


def many(value: Any) -> list[dict[str, Any]]:
    """A list that JAXB writes as an object when it holds one thing, and as nothing when it holds none."""
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
