"""The real servers that the tests, the benchmarks and the demo run against, all on 127.0.0.1.

>>> from tests.servers import start, stop, status
>>> start("hadoop", Path(".stack/test"))["webhdfs"]
'http://127.0.0.1:23411'

The same from a shell: `python -m tests.servers start hadoop --state .stack/test`.
"""

from tests.servers.server import StartFailed
from tests.servers.stack import (
    NAMES,
    STATES,
    Memory,
    Row,
    StopFailed,
    default_state,
    facts,
    memory,
    start,
    states,
    status,
    stop,
    stop_all,
)

__all__ = [
    "NAMES",
    "STATES",
    "Memory",
    "Row",
    "StartFailed",
    "StopFailed",
    "default_state",
    "facts",
    "memory",
    "start",
    "states",
    "status",
    "stop",
    "stop_all",
]
