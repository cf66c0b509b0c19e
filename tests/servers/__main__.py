"""The servers from a shell: `python -m tests.servers start|stop|status [NAME ...] [--state DIR | --all]`.

`stop` and `status` need no more than Python's own library, so that they serve without `.venv` too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.servers import (
    NAMES,
    STATES,
    StartFailed,
    StopFailed,
    default_state,
    facts,
    start,
    states,
    status,
    stop,
    stop_all,
)


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; 0 when all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description="Real servers on 127.0.0.1.")
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}, or a daemon: hadoop.namenode")
    parser.add_argument("--state", type=Path, default=default_state(), help="where data, logs and facts are kept")
    parser.add_argument("--all", action="store_true", help=f"stop or status: every state folder below {STATES.name}")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name.partition(".")[0] not in NAMES]:
        parser.error(f"no server is called {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    # Whatever order they are named in, gcs and seaweedfs come before the Hadoop that is told about them.
    names = sorted(asked.names, key=lambda name: NAMES.index(name.partition(".")[0]))
    try:
        if asked.action == "start":
            if not names:
                parser.error("start what?")
            _start(names, asked.state)
            return 0
        folders = sorted({asked.state, *states(STATES)}) if asked.all else [asked.state]
        if asked.action == "stop":
            _stop(names, folders)
        else:
            for folder in folders:
                _status({name.partition(".")[0] for name in names}, folder)
    except (StartFailed, StopFailed, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _start(names: list[str], state: Path) -> None:
    for name in names:
        began = time.monotonic()
        for key, value in start(name, state, **_options(name.partition(".")[0], state)).items():
            print(f"{name}.{key}={value}")
        print(f"# {name}: {time.monotonic() - began:.1f} s", flush=True)


def _options(name: str, state: Path) -> dict[str, Any]:
    if name == "hadoop":
        running = {row.name for row in status(state) if row.alive}
        found: dict[str, Any] = {}
        if "gcs" in running and "DATAMOVE_GCS_URL" not in os.environ:
            found["gcs_url"] = facts("gcs", state)["url"]
        if "seaweedfs" in running and "DATAMOVE_S3_URL" not in os.environ:
            found |= {f"s3_{name}": value for name, value in facts("seaweedfs", state).items()}
        return found
    if name == "airflow":
        return {"env": {key: value for key, value in os.environ.items() if key.startswith("AIRFLOW_")} or None}
    return {}


def _stop(names: list[str], folders: list[Path]) -> None:
    problems = []
    for folder in folders:
        try:
            for name in names[::-1]:
                stop(name, folder)
            if not names:
                stop_all(folder)
        except (StopFailed, OSError) as error:
            problems.append(str(error))
    if problems:
        raise StopFailed("\n".join(problems))


def _status(names: set[str], state: Path) -> None:
    rows = [row for row in status(state) if not names or row.name in names]
    if not rows:
        print(f"nothing was started in {state}")
    for row in rows:
        print(f"{row.name:10}{row.daemon:16}{row.pid:>8}  {'up' if row.alive else 'DOWN':6}{row.address:42}{row.log}")


if __name__ == "__main__":
    sys.exit(main())
