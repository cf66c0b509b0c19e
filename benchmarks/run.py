"""Runs benchmarks by name: ``python -m benchmarks.run [NAME ...]``; without a name, all.

Writes ``benchmarks/results/<name>.json`` and prints the same as a table.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType

import benchmarks
from benchmarks.measure import Row, WentWrong, say, table
from tests.servers import StartFailed, stop_all

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
STATE = HERE.parent / ".stack" / "bench"
_SHARED = {"run", "measure", "peers", "null_server", "contest", "ends"}
_SHARED |= {"distcp_retry", "distcp_tracking", "generator_child"}


def names() -> list[str]:
    """Every benchmark: each module of this package but those that they share."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in _SHARED)


def main(arguments: list[str]) -> int:
    """Runs what is named; 0 if all went well, 1 if one failed or missed its bar, 2 for a wrong name."""
    known = names()
    if unknown := [name for name in arguments if name not in known]:
        sys.stderr.write(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}\n")
        return 2
    modules = {name: import_module(f"benchmarks.{name}") for name in arguments or known}
    if not arguments:
        modules = {name: module for name, module in modules.items() if not hasattr(module, "PARTS")}
    results = [_run(name, module) for name, module in modules.items()]
    return 0 if all(results) else 1


def _run(name: str, module: ModuleType) -> bool:
    say(f"{name}: load {_load()}")
    STATE.mkdir(parents=True, exist_ok=True)
    try:
        rows: list[Row] = module.rows(STATE)
    except (StartFailed, WentWrong) as error:
        sys.stderr.write(f"{name} failed: {error}\nlogs: {STATE / 'logs'}\n")
        return False
    finally:
        stop_all(STATE)
    say(f"{name}: load {_load()}")
    RESULTS.mkdir(exist_ok=True)
    temporary = RESULTS / f".{name}.{os.getpid()}"
    temporary.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", "utf-8")
    temporary.replace(RESULTS / f"{name}.json")
    sys.stdout.write(f"{table(rows)}\n")
    return all(row.ok is not False for row in rows)


def _load() -> str:
    """The machine's load averages over 1, 5 and 15 minutes, and its cores."""
    return f"{', '.join(f'{value:.1f}' for value in os.getloadavg())} on {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
