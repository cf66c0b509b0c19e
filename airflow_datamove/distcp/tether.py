"""The script in which every client runs, here or elsewhere: it ends the client when nobody holds its stdin any more.

A client that still lists the source after its task has died could submit a second job beside the retry's. So whoever
runs the script writes a line to its stdin every :data:`BEAT` seconds. When stdin ends, or is silent for
:data:`PATIENCE` seconds, the client's whole process group is asked to end, and killed soon after. Both ways of losing a
worker are covered: its process dies and the pipe or the channel closes, or its machine vanishes and says nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

BEAT = 10.0
PATIENCE = 90
SECONDS_TO_END = 5.0

# setsid gives the client a group of its own without a process in between, but a moment after its birth: the watcher
# asks until there is one. The watcher is a process of its own, and goes on watching if the script itself is killed.
# `read` is bash's: other shells know no time-out.
_SCRIPT = """\
#!/usr/bin/env bash
exec 3<&0
{exports}
setsid {words} </dev/null 3<&- &
client=$!
(
    while read -r -t {patience} _ <&3; do :; done
    while kill -0 "$client" && ! kill -TERM -- "-$client"; do sleep 0.05; done
    for _ in $(seq {tenths}); do kill -0 -- "-$client" || break; sleep 0.1; done
    kill -KILL -- "-$client"
    rm -rf -- {folder}
) >/dev/null 2>&1 &
watcher=$!
wait "$client" 2>/dev/null
code=$?
kill "$watcher"
kill -KILL -- "-$client" 2>/dev/null
rm -rf -- {folder}
exit "$code"
"""


def tethered(words: Sequence[str], environment: Mapping[str, str], folder: str) -> str:
    """The script.

    :param words: the client and its arguments.
    :param environment: variables that it gets besides those that are there; ``HADOOP_CLASSPATH`` is put before what is
        there.
    :param folder: removed at the end, whoever ends it.
    """
    exports = [
        f"export {name}={shlex.quote(value)}" + ('"${HADOOP_CLASSPATH:+:$HADOOP_CLASSPATH}"' if _is_path(name) else "")
        for name, value in environment.items()
    ]
    return _SCRIPT.format(
        exports="\n".join(exports),
        words=shlex.join(words),
        patience=PATIENCE,
        tenths=round(SECONDS_TO_END * 10),
        folder=shlex.quote(folder),
    )


def _is_path(name: str) -> bool:
    return name == "HADOOP_CLASSPATH"
